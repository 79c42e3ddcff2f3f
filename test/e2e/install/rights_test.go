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
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// rights gives the reason for each of Muster's rights. The test fails for a right without a
// reason, and for a reason without its right.
var rights = map[string]string{
	"get namespaces":   "the NamespaceLifecycle admission asks for a namespace that its informer does not know yet",
	"list namespaces":  "informer of NamespaceLifecycle, and of the namespaceSelectors of webhooks and policies",
	"watch namespaces": "the same informer",

	"get mutatingwebhookconfigurations.admissionregistration.k8s.io":       "admission plugins read with get, list and watch alike",
	"list mutatingwebhookconfigurations.admissionregistration.k8s.io":      "informer of MutatingAdmissionWebhook: we have to call a webhook for our kinds",
	"watch mutatingwebhookconfigurations.admissionregistration.k8s.io":     "the same informer",
	"get validatingwebhookconfigurations.admissionregistration.k8s.io":     "as for mutating ones",
	"list validatingwebhookconfigurations.admissionregistration.k8s.io":    "informer of ValidatingAdmissionWebhook",
	"watch validatingwebhookconfigurations.admissionregistration.k8s.io":   "the same informer",
	"get validatingadmissionpolicies.admissionregistration.k8s.io":         "as for webhooks",
	"list validatingadmissionpolicies.admissionregistration.k8s.io":        "informer of ValidatingAdmissionPolicy",
	"watch validatingadmissionpolicies.admissionregistration.k8s.io":       "the same informer",
	"get validatingadmissionpolicybindings.admissionregistration.k8s.io":   "as for webhooks",
	"list validatingadmissionpolicybindings.admissionregistration.k8s.io":  "informer of ValidatingAdmissionPolicy",
	"watch validatingadmissionpolicybindings.admissionregistration.k8s.io": "the same informer",
	"get mutatingadmissionpolicies.admissionregistration.k8s.io":           "as for webhooks",
	"list mutatingadmissionpolicies.admissionregistration.k8s.io":          "informer of MutatingAdmissionPolicy",
	"watch mutatingadmissionpolicies.admissionregistration.k8s.io":         "the same informer",
	"get mutatingadmissionpolicybindings.admissionregistration.k8s.io":     "as for webhooks",
	"list mutatingadmissionpolicybindings.admissionregistration.k8s.io":    "informer of MutatingAdmissionPolicy",
	"watch mutatingadmissionpolicybindings.admissionregistration.k8s.io":   "the same informer",

	"get flowschemas.flowcontrol.apiserver.k8s.io":                   "priority and fairness reads with get, list and watch alike",
	"list flowschemas.flowcontrol.apiserver.k8s.io":                  "informer of priority and fairness",
	"watch flowschemas.flowcontrol.apiserver.k8s.io":                 "the same informer",
	"get prioritylevelconfigurations.flowcontrol.apiserver.k8s.io":   "as for FlowSchemas",
	"list prioritylevelconfigurations.flowcontrol.apiserver.k8s.io":  "informer of priority and fairness",
	"watch prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": "the same informer",
	"patch flowschemas/status.flowcontrol.apiserver.k8s.io":          "priority and fairness applies the condition Dangling; it never updates, nor writes priority levels",

	"get apiservices.apiregistration.k8s.io named v1alpha1.fleet.cattle.io": "shows whether CustomResourceDefinitions serve the group; the only APIService that matters",
}

// controllers gives the reason for each right of muster-controller in all namespaces: those
// that it has where Fleet manages agents, and those for agents. A controller can grant a right
// only if it has the right, or "bind" for a ClusterRole.
var controllers = together(withoutAgents, map[string]string{
	"create namespaces": "a Cluster's namespace (S 8.1), and the one that credentials are fetched from",

	"get secrets":    "also the token that Kubernetes made for an account; gives \"get\" to agents' tokens",
	"create secrets": "also values of tokens and credentials of agents",
	"delete secrets": "also credentials that have expired, and objects without an owner",

	"get serviceaccounts":    "compares before it writes",
	"list serviceaccounts":   "informer of managed objects: finds those without an owner",
	"watch serviceaccounts":  "the same informer",
	"create serviceaccounts": "an account for each token and each agent (S 8.2, S 8.3)",
	"update serviceaccounts": "restores labels that were removed",
	"delete serviceaccounts": "the account of an agent that is gone or registered anew",

	"get roles.rbac.authorization.k8s.io":    "compares before it writes",
	"list roles.rbac.authorization.k8s.io":   "informer of managed objects",
	"watch roles.rbac.authorization.k8s.io":  "the same informer",
	"create roles.rbac.authorization.k8s.io": "registering, fetching credentials, heartbeats (S 8.2, S 8.3)",
	"update roles.rbac.authorization.k8s.io": "the agents that may fetch credentials change",
	"delete roles.rbac.authorization.k8s.io": "rights end with their owner",

	"get rolebindings.rbac.authorization.k8s.io":    "as for roles",
	"list rolebindings.rbac.authorization.k8s.io":   "as for roles",
	"watch rolebindings.rbac.authorization.k8s.io":  "as for roles",
	"create rolebindings.rbac.authorization.k8s.io": "as for roles",
	"update rolebindings.rbac.authorization.k8s.io": "as for roles",
	"delete rolebindings.rbac.authorization.k8s.io": "as for roles",

	"get clusterrolebindings.rbac.authorization.k8s.io":    "as for roles",
	"list clusterrolebindings.rbac.authorization.k8s.io":   "as for roles",
	"watch clusterrolebindings.rbac.authorization.k8s.io":  "as for roles",
	"create clusterrolebindings.rbac.authorization.k8s.io": "an agent's right to get Contents",
	"update clusterrolebindings.rbac.authorization.k8s.io": "as for roles",
	"delete clusterrolebindings.rbac.authorization.k8s.io": "as for roles",

	"bind clusterroles.rbac.authorization.k8s.io named fleet-bundle-deployment, fleet-content": "the two roles of agents, and no other",

	"patch clusters/status.fleet.cattle.io":                   "also given to agents for their own Cluster",
	"create clusters.fleet.cattle.io":                         "a registration creates its Cluster",
	"create clusterregistrations.fleet.cattle.io":             "given to tokens",
	"update clusterregistrations.fleet.cattle.io":             "the owner reference to the Cluster",
	"delete clusterregistrations.fleet.cattle.io":             "older ones of a client, and those whose Cluster is gone",
	"update clusterregistrations/status.fleet.cattle.io":      "whether it is granted, and for which Cluster",
	"delete clusterregistrationtokens.fleet.cattle.io":        "tokens that have expired",
	"update clusterregistrationtokens/status.fleet.cattle.io": "when a token ends, and its Secret",
})

// inventories gives the reason for each right that the controller clusterprofiles adds.
var inventories = map[string]string{
	"list clusterprofiles.multicluster.x-k8s.io":  "informer of the profiles",
	"watch clusterprofiles.multicluster.x-k8s.io": "the same informer",
	"patch clusters.fleet.cattle.io":              "applies labels",
}

// elections gives the reason for the further rights in its own namespace.
var elections = map[string]string{
	"create leases.coordination.k8s.io":                         "the Lease that names the working replica",
	"get leases.coordination.k8s.io named muster-controller":    "the same",
	"update leases.coordination.k8s.io named muster-controller": "the same",
	"get leases.coordination.k8s.io named muster-etcd":          "which etcd clients know, and how far: a restored one is not acted on",
}

// marks gives the reason for the server's further rights in its own namespace.
var marks = map[string]string{
	"create leases.coordination.k8s.io":                   "the Lease that remembers which etcd clients know, and how far",
	"get leases.coordination.k8s.io named muster-etcd":    "the same",
	"update leases.coordination.k8s.io named muster-etcd": "the same",
}

// bound lists the roles of Kubernetes that Muster is bound to.
var bound = map[string]string{
	"ClusterRoleBinding /muster-apiserver → ClusterRole muster-apiserver":                                                                 "the rights above",
	"ClusterRoleBinding /muster-apiserver:auth-delegator → ClusterRole system:auth-delegator":                                             "creates TokenReviews and SubjectAccessReviews: authentication and authorization",
	"RoleBinding kube-system/muster-apiserver:extension-apiserver-authentication-reader → Role extension-apiserver-authentication-reader": "reads the one ConfigMap that names the trusted front proxy",
	"ClusterRoleBinding /muster-controller → ClusterRole muster-controller":                                                               "the rights above",
	"ClusterRoleBinding /muster-controller:auth-delegator → ClusterRole system:auth-delegator":                                            "authorizes readers of its metrics",
	"RoleBinding muster-system/muster-apiserver → Role muster-apiserver":                                                                  "the Lease that remembers etcd",
	"RoleBinding muster-system/muster-controller → Role muster-controller":                                                                "the Leases",
}

func TestMusterHasNoRightWithoutAReason(t *testing.T) {
	t.Parallel()
	for name, objects := range installs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for program, rights := range map[string]map[string]string{"muster-apiserver": rights, "muster-controller": controllers} {
				role := as[rbacv1.ClusterRole](t, objects, "ClusterRole /"+program)
				require.Nil(t, role.AggregationRule, "others could add rules")
				assert.ElementsMatch(t, slices.Collect(maps.Keys(rights)), flat(t, role.Rules))
			}
			for program, rights := range map[string]map[string]string{"muster-apiserver": marks, "muster-controller": elections} {
				assert.ElementsMatch(t, slices.Collect(maps.Keys(rights)), flat(t, as[rbacv1.Role](t, objects, "Role "+system+"/"+program).Rules))
			}

			var bindings []string
			for key, object := range objects {
				if kind := object.GetKind(); kind != "ClusterRoleBinding" && kind != "RoleBinding" {
					continue
				}
				binding := as[rbacv1.ClusterRoleBinding](t, objects, key)
				bindings = append(bindings, key+" → "+binding.RoleRef.Kind+" "+binding.RoleRef.Name)
				program, _, _ := strings.Cut(binding.Name, ":")
				require.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: program, Namespace: system}}, binding.Subjects, "%s is for Muster alone", key)
			}
			assert.ElementsMatch(t, slices.Collect(maps.Keys(bound)), bindings)
		})
	}
}

func TestTheClusterInventoryAddsOnlyTheRightsThatItNeeds(t *testing.T) {
	t.Parallel()
	for name, objects := range map[string]manifests{
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server"}, []string{"controller", "cluster-profiles"}))),
		"helm":      parse(t, chart(t, minimal+"inventory: {clusterProfiles: {enabled: true}}\n")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const key = "muster-controller:cluster-profiles"
			role := as[rbacv1.ClusterRole](t, objects, "ClusterRole /"+key)
			assert.ElementsMatch(t, slices.Collect(maps.Keys(inventories)), flat(t, role.Rules))
			binding := as[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding /"+key)
			require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: key}, binding.RoleRef)
			require.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: "muster-controller", Namespace: system}}, binding.Subjects)
			controller := as[rbacv1.ClusterRole](t, objects, "ClusterRole /muster-controller")
			assert.ElementsMatch(t, slices.Collect(maps.Keys(controllers)), flat(t, controller.Rules))
		})
	}
}

func TestAgentsAreBoundToRolesWithExactlyTheRightsOfTheProtocol(t *testing.T) {
	t.Parallel()
	for name, objects := range installs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.ElementsMatch(t, []string{
				"get bundledeployments.fleet.cattle.io",
				"list bundledeployments.fleet.cattle.io",
				"watch bundledeployments.fleet.cattle.io",
				"update bundledeployments/status.fleet.cattle.io",
				"patch bundledeployments/status.fleet.cattle.io",
				"get secrets",
				"get configmaps",
			}, flat(t, as[rbacv1.ClusterRole](t, objects, "ClusterRole /fleet-bundle-deployment").Rules))
			assert.Equal(t, []string{"get contents.fleet.cattle.io"},
				flat(t, as[rbacv1.ClusterRole](t, objects, "ClusterRole /fleet-content").Rules), "an agent must not list Contents")
			for key, object := range objects {
				if _, aggregated := object.GetLabels()["rbac.authorization.k8s.io/aggregate-to-view"]; aggregated {
					assert.Equal(t, "ClusterRole /muster-view", key, "an agent's role is not for people")
				}
			}
		})
	}
}

// writers maps a kind to the weakest role that may write it, with the reason.
var writers = map[string]string{
	"bundles":       "muster-edit",
	"clustergroups": "muster-edit",
	"gitrepos":      "muster-edit",
	"helmops":       "muster-edit",
	"imagescans":    "muster-edit",
	"schedules":     "muster-edit",

	"clusters":                  "muster-admin", // labels decide which Bundles of all users a Cluster gets
	"clusterregistrations":      "muster-admin", // it lets a Cluster join
	"clusterregistrationtokens": "muster-admin", // its Secret lets any cluster join
	"gitreporestrictions":       "muster-admin", // it limits an editor
	"policies":                  "muster-admin", // it limits an editor

	"bundledeployments":       "no role", // computed
	"bundlenamespacemappings": "no role", // it reaches Clusters of other namespaces
	"contents":                "no role", // it holds what every tenant deploys
}

func TestPeopleGetTheRightsThatTheirRoleMeans(t *testing.T) {
	t.Parallel()
	write := []string{"create", "update", "patch", "delete", "deletecollection"}
	read := []string{"get", "list", "watch"}
	for name, objects := range installs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := map[string][]string{}
			for _, kind := range kinds.All() {
				writer, decided := writers[kind.Plural]
				require.True(t, decided, "no role is decided for %s", kind.Plural)
				for _, role := range []string{"muster-view", "muster-edit", "muster-admin"} {
					verbs := slices.Clone(read)
					if kind.Plural == "contents" {
						verbs = nil
					}
					if role == writer || role == "muster-admin" && writer == "muster-edit" {
						verbs = append(verbs, write...)
					}
					for _, verb := range verbs {
						want[role] = append(want[role], verb+" "+kind.Plural+".fleet.cattle.io")
					}
				}
			}
			for role, rights := range want {
				assert.ElementsMatch(t, rights, flat(t, as[rbacv1.ClusterRole](t, objects, "ClusterRole /"+role).Rules), role)
			}
		})
	}
}

// installs returns the objects of the kustomization and of the chart.
func installs(t *testing.T) map[string]manifests {
	t.Helper()
	return map[string]manifests{
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server", "apiservice"}, []string{"aggregate-roles", "controller"}))),
		"helm":      parse(t, chart(t, minimal)),
	}
}

// flat returns the rights of rules, one for each verb on each resource.
func flat(t *testing.T, rules []rbacv1.PolicyRule) []string {
	t.Helper()
	var rights []string
	for _, rule := range rules {
		require.Empty(t, rule.NonResourceURLs)
		require.NotContains(t, rule.Verbs, "*")
		require.NotContains(t, rule.Resources, "*")
		for _, group := range rule.APIGroups {
			require.NotEqual(t, "*", group)
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					right := strings.TrimSuffix(verb+" "+resource+"."+group, ".")
					if len(rule.ResourceNames) > 0 {
						right += " named " + strings.Join(rule.ResourceNames, ", ")
					}
					rights = append(rights, right)
				}
			}
		}
	}
	return rights
}

func as[T any](t *testing.T, objects manifests, key string) *T {
	t.Helper()
	require.Contains(t, objects, key)
	typed := new(T)
	require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[key].Object, typed, true))
	return typed
}
