// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
)

// reads returns the reason for get, list and watch on some resources. Fleet's programs are
// written with informers, which also answer their gets.
func reads(reason string, resources ...string) map[string]string {
	rights := map[string]string{}
	for _, resource := range resources {
		for _, verb := range []string{"get", "list", "watch"} {
			rights[verb+" "+resource] = reason
		}
	}
	return rights
}

// together joins tables of rights.
func together(tables ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, table := range tables {
		maps.Copy(all, table)
	}
	return all
}

// events lets a program say what it does, in both groups that have events.
var events = map[string]string{
	"create events":               "what it says about its objects",
	"patch events":                "the same, again",
	"create events.events.k8s.io": "the same, in the newer group",
	"patch events.events.k8s.io":  "the same",
}

// withoutAgents gives the reason for each right of muster-controller where Fleet manages
// agents.
var withoutAgents = map[string]string{
	"list namespaces":   "informers of the mirror of labels, and of what deleted Clusters leave",
	"watch namespaces":  "the same informers",
	"delete namespaces": "a Cluster's namespace goes with its Cluster",

	"get secrets":    "sources of downstream resources (S 4.7)",
	"list secrets":   "informers of values of Bundles, downstream resources",
	"watch secrets":  "the same informers",
	"create secrets": "copies of downstream resources",
	"update secrets": "the same, when their sources change",
	"delete secrets": "copies whose type has changed are made anew",

	"get configmaps":    "sources of downstream resources (S 4.7)",
	"list configmaps":   "informer of those",
	"watch configmaps":  "the same informer",
	"create configmaps": "copies of downstream resources",
	"update configmaps": "the same, when their sources change",

	"patch clusters/status.fleet.cattle.io":  "Schedules' windows (S 5.4)",
	"patch schedules/status.fleet.cattle.io": "the same",
	"delete bundles.fleet.cattle.io":         "agentmanagement's Bundle of a Cluster that is deleted (S 5.3)",
}

// fleets gives the reason for each right of Fleet's programs in all namespaces (S 13.3). A
// program can grant a right only if it has the right.
var fleets = map[string]map[string]string{
	"gitjob": together(events,
		reads("its objects, and what limits and shows them", "gitrepos.fleet.cattle.io", "bundles.fleet.cattle.io", "bundledeployments.fleet.cattle.io",
			"gitreporestrictions.fleet.cattle.io", "policies.fleet.cattle.io", "imagescans.fleet.cattle.io"),
		reads("its Jobs, and why they failed", "jobs.batch", "pods"),
		reads("tolerations for its Jobs, from Deployment fleet-controller; its informer is of all namespaces", "deployments.apps"),
		reads("credentials of Git servers and registries; given to its Jobs", "secrets"),
		reads("its settings, known hosts, and targets that exist", "configmaps"),
		reads("compares before it writes", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io"),
		map[string]string{
			"update gitrepos.fleet.cattle.io":               "finalizer, defaults of restrictions, hashes of Secrets",
			"patch gitrepos.fleet.cattle.io":                "the polling interval that follows a webhook",
			"update gitrepos/status.fleet.cattle.io":        "commit and conditions",
			"patch gitrepos/status.fleet.cattle.io":         "the same",
			"update gitrepos/finalizers.fleet.cattle.io":    "owner references that block a deletion, where OwnerReferencesPermissionEnforcement is on",
			"create bundles.fleet.cattle.io":                "given to its Jobs",
			"update bundles.fleet.cattle.io":                "given to its Jobs",
			"delete bundles.fleet.cattle.io":                "given to its Jobs; a GitRepo is deleted",
			"create imagescans.fleet.cattle.io":             "given to its Jobs, whose Role names both kinds in one rule",
			"update imagescans.fleet.cattle.io":             "the same",
			"delete imagescans.fleet.cattle.io":             "the same; a GitRepo is deleted",
			"create jobs.batch":                             "a Job for each commit",
			"delete jobs.batch":                             "a Job of an earlier generation",
			"create secrets":                                "given to its Jobs; authorities of Git servers",
			"update secrets":                                "the same",
			"delete secrets":                                "given to its Jobs",
			"create configmaps":                             "the targets of a GitRepo",
			"update configmaps":                             "the same",
			"create serviceaccounts":                        "the account of a GitRepo's Jobs",
			"create roles.rbac.authorization.k8s.io":        "the rights of a GitRepo's Jobs",
			"update roles.rbac.authorization.k8s.io":        "the same",
			"create rolebindings.rbac.authorization.k8s.io": "the same",
			"update rolebindings.rbac.authorization.k8s.io": "the same",
			"delete namespaces":                             "a GitRepo with deleteNamespace is deleted: it deletes the target namespace here (S 10.1)",
		}),
	"helmops": together(events,
		reads("its objects, and what limits and shows them", "helmops.fleet.cattle.io", "bundles.fleet.cattle.io", "bundledeployments.fleet.cattle.io", "policies.fleet.cattle.io"),
		reads("credentials of registries", "secrets"),
		reads("its settings", "configmaps"),
		map[string]string{
			"update helmops.fleet.cattle.io":        "finalizer",
			"patch helmops.fleet.cattle.io":         "the same",
			"update helmops/status.fleet.cattle.io": "version and conditions",
			"patch helmops/status.fleet.cattle.io":  "the same",
			"create bundles.fleet.cattle.io":        "the Bundle of a HelmOp",
			"update bundles.fleet.cattle.io":        "the same",
			"patch bundles.fleet.cattle.io":         "the version that polling finds",
			"delete bundles.fleet.cattle.io":        "a HelmOp is deleted",
			"create secrets":                        "authorities of registries",
			"delete namespaces":                     "as for gitjob",
		}),
	"fleet-agentmanagement": together(
		reads("its objects", "clusters.fleet.cattle.io", "clusterregistrations.fleet.cattle.io", "clusterregistrationtokens.fleet.cattle.io", "bundles.fleet.cattle.io"),
		reads("informers that it starts with", "clustergroups.fleet.cattle.io", "gitrepos.fleet.cattle.io"),
		reads("each event makes it look at the Cluster; given to agents", "bundledeployments.fleet.cattle.io"),
		reads("compares before it writes", "namespaces", "serviceaccounts", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
			"clusterrolebindings.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io"),
		reads("kubeconfigs, and tokens of accounts; given to agents and tokens", "secrets"),
		reads("its settings; given to agents", "configmaps"),
		map[string]string{
			"create clusters.fleet.cattle.io":                         "a registration creates its Cluster",
			"update clusters.fleet.cattle.io":                         "the clientID of an imported Cluster",
			"update clusters/status.fleet.cattle.io":                  "namespace, conditions, hashes of settings",
			"patch clusters/status.fleet.cattle.io":                   "given to agents for their own Cluster",
			"create bundles.fleet.cattle.io":                          "the Bundle of each agent",
			"update bundles.fleet.cattle.io":                          "the same",
			"patch bundles.fleet.cattle.io":                           "the same",
			"delete bundles.fleet.cattle.io":                          "the Bundle of an agent that is gone",
			"create clusterregistrations.fleet.cattle.io":             "given to tokens",
			"update clusterregistrations.fleet.cattle.io":             "the owner reference to the Cluster",
			"delete clusterregistrations.fleet.cattle.io":             "older ones of a client",
			"update clusterregistrations/status.fleet.cattle.io":      "whether it is granted, and for which Cluster",
			"create clusterregistrationtokens.fleet.cattle.io":        "the token of an imported Cluster",
			"delete clusterregistrationtokens.fleet.cattle.io":        "tokens that have expired",
			"update clusterregistrationtokens/status.fleet.cattle.io": "when a token ends, and its Secret",
			"update bundledeployments/status.fleet.cattle.io":         "given to agents",
			"patch bundledeployments/status.fleet.cattle.io":          "given to agents",
			"get contents.fleet.cattle.io":                            "given to agents",

			"create clusterroles.rbac.authorization.k8s.io":                                              "fleet-bundle-deployment and fleet-content; RBAC cannot limit create by name",
			"update clusterroles.rbac.authorization.k8s.io named fleet-bundle-deployment, fleet-content": "the same",
			"patch clusterroles.rbac.authorization.k8s.io named fleet-bundle-deployment, fleet-content":  "the same",
		},
		writes("Clusters' namespaces, its own, and that of credentials", "namespaces"),
		writes("accounts of tokens and agents", "serviceaccounts"),
		writes("values of tokens, credentials of agents", "secrets"),
		writes("the rights of tokens and agents (S 8.2, S 8.3)", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io"),
	),
}

// writes returns the reason for create, update, patch and delete on some resources.
func writes(reason string, resources ...string) map[string]string {
	rights := map[string]string{}
	for _, resource := range resources {
		for _, verb := range []string{"create", "update", "patch", "delete"} {
			rights[verb+" "+resource] = reason
		}
	}
	return rights
}

// fleetsLeases names the Lease of each of Fleet's programs.
var fleetsLeases = map[string]string{
	"gitjob":                "fleet-gitops-leader-election-shard",
	"helmops":               "fleet-helmops-leader-election-shard",
	"fleet-agentmanagement": "fleet-agentmanagement-lock",
}

func TestFleetsProgramsHaveNoRightWithoutAReason(t *testing.T) {
	t.Parallel()
	for name, objects := range fleetInstalls(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, slices.Collect(maps.Keys(withoutAgents)), flat(t, as[rbacv1.ClusterRole](t, objects, "ClusterRole /muster-controller").Rules))
			bindings := 0
			for program, rights := range fleets {
				assert.ElementsMatch(t, slices.Collect(maps.Keys(rights)), flat(t, as[rbacv1.ClusterRole](t, objects, "ClusterRole /"+program).Rules), program)
				lease := "leases.coordination.k8s.io"
				own := append(slices.Collect(maps.Keys(events)), "create "+lease, "get "+lease+" named "+fleetsLeases[program], "update "+lease+" named "+fleetsLeases[program])
				assert.ElementsMatch(t, own, flat(t, as[rbacv1.Role](t, objects, "Role "+fleetSystem+"/"+program).Rules), program)
				for kind, key := range map[string]string{"ClusterRole": "ClusterRoleBinding /" + program, "Role": "RoleBinding " + fleetSystem + "/" + program} {
					binding := as[rbacv1.ClusterRoleBinding](t, objects, key)
					assert.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: program}, binding.RoleRef)
					assert.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: program, Namespace: fleetSystem}}, binding.Subjects)
					bindings++
				}
			}
			for key, object := range objects {
				if strings.HasSuffix(object.GetKind(), "RoleBinding") && !strings.Contains(object.GetName(), "muster") {
					bindings--
					require.Contains(t, fleets, object.GetName(), "%s is for one of Fleet's programs", key)
				}
			}
			assert.Zero(t, bindings, "there are other bindings")
		})
	}
}

// fleetInstalls returns the objects of an installation with all of Fleet's programs.
func fleetInstalls(t *testing.T) map[string]manifests {
	t.Helper()
	return map[string]manifests{
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server", "apiservice"}, []string{"aggregate-roles", "controller", "fleet-controllers", "agents-by-fleet"}))),
		"helm":      parse(t, chart(t, minimal+"fleetControllers: {enabled: true}\nagents: {managedBy: fleet}\n")),
	}
}
