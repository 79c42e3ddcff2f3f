// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cluster runs Muster in a Kubernetes cluster on loopback, for tests.
//
//	controlplane.go  kube-apiserver, and what starts with it
//	etcd.go          etcd; fill.go fills it
//	install.go       Muster, from the project's manifests
//	replica.go       one replica
//	controller.go    muster-controller, from its Deployment
//	before.go        muster-apiserver of an earlier commit
//	pod.go           the volumes and arguments that a Deployment gives a container
//	node.go          a machine that runs the Pods of Muster's Deployments
//	kubelet.go       what a kubelet answers about them
//	page.go          the commands of a page of docs
//	shell.go         runs them; operator.go restores etcd with it
//	balancer.go      a Service
//	endpoint.go      clients of a server, and its certificate
//	terminal.go      kubectl
//	pki.go           certificates
//	process.go       a process; usage.go has its memory and processor time
//	run.go           other programs as processes, and muster-controller
//	program.go       builds programs, and finds commands of pages
//	refusal.go       servers that must not start
//	parent_*.go      how processes end with the test
//	port.go          free ports
//	rights.go        what a client may do
//	folder.go        folders
//	t.go             T, Main and Within
//
// These parts are real, each a process of its own, built by hack/tool.sh: etcd with TLS
// both ways (StartEtcd), kube-apiserver and kube-controller-manager (Start), kubectl
// (Terminal), and muster-apiserver with the project's manifests (Install). Certificates,
// RBAC, tokens of ServiceAccounts and the aggregation layer are real too.
//
// What needs machines and containers is played. There is no kubelet: a Replica is a process
// with the arguments, volumes and rights that the Deployment gives its container, but with
// folders, a port and a way to the core API of this machine. Nothing restarts it when it
// ends or when its liveness probe fails. There is no kube-proxy: a Balancer is the Service.
// It offers new connections, one after the other, to the replicas whose readiness probe
// succeeds, refuses them if there is none, and leaves existing connections alone.
// kube-apiserver finds it because the Service is of type ExternalName. Flaky proxies break
// connections.
//
// Everything listens on 127.0.0.1 only. It ends with the test or, if a TestMain started it
// (Main), with the tests of the package. When the test binary is killed, the kernel kills
// its processes (on Linux), and the next run removes its folders. KEEP=1 in the environment
// keeps the folders of this run: logs and kubeconfigs.
//
// Starts take time: an etcd of one or three members 1 second, a control plane 5 seconds and
// some 500 MB, a replica 2 seconds. The removal of an installation from a control plane that
// continues takes 6 seconds, most of them for the namespace. All methods may be called from
// any goroutine, except those with a T, which may end the test: they belong to the test's
// own goroutine.
package cluster
