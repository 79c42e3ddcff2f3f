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

// rights are why Muster may do what it may do. A right that is not here fails the
// test until somebody has written down its reason; a reason without its right fails
// too.
var rights = map[string]string{
	"get namespaces":   "the NamespaceLifecycle admission asks for a namespace that its informer does not know yet",
	"list namespaces":  "informer: NamespaceLifecycle, and the namespaceSelectors of webhooks and policies",
	"watch namespaces": "the same informer",

	"get mutatingwebhookconfigurations.admissionregistration.k8s.io":       "admission plugins read with get, list and watch alike",
	"list mutatingwebhookconfigurations.admissionregistration.k8s.io":      "informer of MutatingAdmissionWebhook: a webhook for our kinds has to be called by us",
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

	"get apiservices.apiregistration.k8s.io named v1alpha1.fleet.cattle.io": "tells whether CustomResourceDefinitions serve the group; the only APIService that matters",
}

// bound are the roles of Kubernetes that Muster is bound to.
var bound = map[string]string{
	"ClusterRoleBinding /muster-apiserver → ClusterRole muster-apiserver":                                                                 "the rights above",
	"ClusterRoleBinding /muster-apiserver:auth-delegator → ClusterRole system:auth-delegator":                                             "creates TokenReviews and SubjectAccessReviews: who is it, and may they",
	"RoleBinding kube-system/muster-apiserver:extension-apiserver-authentication-reader → Role extension-apiserver-authentication-reader": "reads the one ConfigMap that says which front proxy to believe",
}

func TestMusterHasNoRightWithoutAReason(t *testing.T) {
	t.Parallel()
	for name, objects := range installs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			role := as[rbacv1.ClusterRole](t, objects, "ClusterRole /muster-apiserver")
			require.Nil(t, role.AggregationRule, "others could add rules")
			assert.ElementsMatch(t, slices.Collect(maps.Keys(rights)), flat(t, role.Rules))

			var bindings []string
			for key, object := range objects {
				if kind := object.GetKind(); kind != "ClusterRoleBinding" && kind != "RoleBinding" {
					continue
				}
				binding := as[rbacv1.ClusterRoleBinding](t, objects, key)
				bindings = append(bindings, key+" → "+binding.RoleRef.Kind+" "+binding.RoleRef.Name)
				require.Equal(t, []rbacv1.Subject{{Kind: "ServiceAccount", Name: "muster-apiserver", Namespace: system}}, binding.Subjects, "%s is for Muster alone", key)
			}
			assert.ElementsMatch(t, slices.Collect(maps.Keys(bound)), bindings)
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

// writers say who writes a kind: the weakest role that may, and why not a weaker.
var writers = map[string]string{
	"bundles":       "muster-edit",
	"clustergroups": "muster-edit",
	"gitrepos":      "muster-edit",
	"helmops":       "muster-edit",
	"imagescans":    "muster-edit",
	"schedules":     "muster-edit",

	"clusters":                  "muster-admin", // labels decide who gets what of everybody's Bundles
	"clusterregistrations":      "muster-admin", // lets a Cluster join
	"clusterregistrationtokens": "muster-admin", // its Secret lets anybody join
	"gitreporestrictions":       "muster-admin", // what an editor is held by
	"policies":                  "muster-admin", // what an editor is held by

	"bundledeployments":       "nobody", // computed
	"bundlenamespacemappings": "nobody", // reaches Clusters of other namespaces
	"contents":                "nobody", // holds what every tenant deploys
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
				require.True(t, decided, "who writes %s?", kind.Plural)
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

// installs are the kustomization and the chart.
func installs(t *testing.T) map[string]manifests {
	t.Helper()
	return map[string]manifests{
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server", "apiservice"}, []string{"aggregate-roles"}))),
		"helm":      parse(t, chart(t, minimal)),
	}
}

// flat are the rights of rules, one for each verb on each resource.
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
