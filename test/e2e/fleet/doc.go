// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleet runs Muster beside players of Fleet's programs: gitjob, its git Job, helmops
// and agentmanagement (S 13). Each says, request for request, what its original says, from
// informers of its own, and with the account and the rights that the project's manifests give
// it.
//
//	program.go          the programs, each with a cache of its own
//	gitjob.go           GitRepo: finalizer, Job, status by whole-object update (S 10.1)
//	gitjob_objects.go   the Job, and what it needs: account, Role, ConfigMap, Secret
//	gitjob_status.go    the poller's merge patches, and the status from BundleDeployments
//	job.go              "fleet apply" in the Job: Bundles, and Secrets with values (S 10.2)
//	helmops.go          HelmOp: Bundle, status by merge patch and by update (S 10.4)
//	hold.go             finalizers of GitRepos and HelmOps, and their deletion
//	agentmanagement.go  Cluster: import by kubeconfig, whole-object status (S 8.5)
//	bootstrap.go        what agentmanagement writes at its start
//	agentbundle.go      the Bundle of each Cluster's agent, with Rancher's marks
//	registration.go     tokens and registrations (S 8.2, S 8.3)
//	summary.go          what gitjob and helmops compute, which Muster ignores
//	condition.go        the conditions that they write
//	kubelet.go          runs the Job's Pods
//	remote.go           git servers
//	journal.go          the errors that the programs log, and the answers that they get
//
// kube-apiserver is real, and so are kube-controller-manager with the controllers of Jobs,
// Namespaces, quotas and garbage, and Muster. There is no kubelet: a player runs each Pod of a
// git Job as one run of "fleet apply", with a token of the Pod's account, and reports how it
// ended. Nothing clones: a Commit holds the Bundles that a folder would yield.
//
// Facts about Fleet are those of docs/spec.md, and for the order of requests those of Fleet's
// sources. The players leave out what does not reach Muster: events, metrics, image scans,
// OCI registries and leader election. They differ from Fleet where a test would only wait: the
// delay of each status is shorter (statusDelay). agentmanagement deploys a Secret in place of
// the agent's manifests, from which a test starts the agent itself.
//
// All tests share one control plane, and each has Namespaces of its own. At the end no log of
// Muster may complain, no program may have got an answer that its original does not expect,
// and none may have logged an error, except a few for a cache that was behind its own writes.
package fleet
