// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// basicRights holds the rights that Kubernetes gives to each ServiceAccount.
var basicRights = []string{
	"get,list,watch clustertrustbundles.certificates.k8s.io",
	"create selfsubjectaccessreviews.authorization.k8s.io",
	"create selfsubjectreviews.authentication.k8s.io",
	"create selfsubjectrulesreviews.authorization.k8s.io",
}

// musters holds the rights that the manifests give to Muster in all namespaces.
var musters = []string{
	"create subjectaccessreviews.authorization.k8s.io",
	"create tokenreviews.authentication.k8s.io",
	"get apiservices.apiregistration.k8s.io/v1alpha1.fleet.cattle.io",
	"get,list,watch flowschemas.flowcontrol.apiserver.k8s.io",
	"get,list,watch mutatingadmissionpolicies.admissionregistration.k8s.io",
	"get,list,watch mutatingadmissionpolicybindings.admissionregistration.k8s.io",
	"get,list,watch mutatingwebhookconfigurations.admissionregistration.k8s.io",
	"get,list,watch namespaces",
	"get,list,watch prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
	"get,list,watch validatingadmissionpolicies.admissionregistration.k8s.io",
	"get,list,watch validatingadmissionpolicybindings.admissionregistration.k8s.io",
	"get,list,watch validatingwebhookconfigurations.admissionregistration.k8s.io",
	"patch flowschemas.flowcontrol.apiserver.k8s.io/status",
}

// trust is the right to read how to recognise the front proxy.
const trust = "get,list,watch configmaps/extension-apiserver-authentication"

func TestMusterMayDoNoMoreThanTheTable(t *testing.T) {
	t.Parallel()
	client, err := kubernetes.NewForConfig(control.AsAccount(t, cluster.Namespace, cluster.ServerName))
	require.NoError(t, err)
	for namespace, more := range map[string][]string{
		cluster.Namespace: nil, north.namespace: nil, workspace: nil, metav1.NamespaceDefault: nil,
		metav1.NamespaceSystem: {trust},
	} {
		t.Run("in "+namespace, func(t *testing.T) {
			t.Parallel()
			// This is what "kubectl auth can-i --list" prints.
			review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
				&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
			require.NoError(t, err)
			require.False(t, review.Status.Incomplete)
			var got []string
			for _, rule := range review.Status.ResourceRules {
				got = append(got, lines(rule)...)
			}
			slices.Sort(got)
			want := slices.Concat(basicRights, musters, more)
			slices.Sort(want)
			require.Equal(t, want, slices.Compact(got))
			for _, rule := range review.Status.NonResourceRules {
				require.Equal(t, []string{"get"}, rule.Verbs)
				for _, url := range rule.NonResourceURLs {
					require.Regexp(t, `^/(api|apis|openapi|openid|version|healthz|livez|readyz|\.well-known)(/.*)?$`, url, "paths that every user may read")
				}
			}
		})
	}
}

// lines returns a rule in the form of the table.
func lines(rule authorizationv1.ResourceRule) []string {
	verbs := slices.Sorted(slices.Values(rule.Verbs))
	var out []string
	for _, in := range rule.APIGroups {
		for _, resource := range rule.Resources {
			resource, sub, _ := strings.Cut(resource, "/")
			line := strings.Join(verbs, ",") + " " + resource
			if in != "" {
				line += "." + in
			}
			if sub != "" {
				line += "/" + sub
			}
			if len(rule.ResourceNames) == 0 {
				out = append(out, line)
			}
			for _, name := range rule.ResourceNames {
				out = append(out, line+"/"+name)
			}
		}
	}
	return out
}

// The review above is only informational, so this test sends requests.
func TestMusterIsRefusedWhatItDoesNotNeed(t *testing.T) {
	t.Parallel()
	self := control.AsAccount(t, cluster.Namespace, cluster.ServerName)
	for _, c := range []struct {
		name, method, path string
		may                bool
	}{
		{"read namespaces", "", "/api/v1/namespaces", true},
		{"read Secrets", "", "/api/v1/secrets", false},
		{"read Secrets of its namespace", "", "/api/v1/namespaces/" + cluster.Namespace + "/secrets", false},
		{"read its own certificate's Secret by the API", "", "/api/v1/namespaces/" + cluster.Namespace + "/secrets/muster-apiserver-tls", false},
		{"read the ConfigMaps of kube-system", "", "/api/v1/namespaces/kube-system/configmaps", false},
		{"read Bundles", "", api + "/bundles", false},
		{"read BundleDeployments", "", api + "/bundledeployments", false},
		{"read Clusters", "", inWorkspace("clusters"), false},
		{"create a namespace", http.MethodPost, "/api/v1/namespaces", false},
		{"create a token for itself", http.MethodPost, "/api/v1/namespaces/" + cluster.Namespace + "/serviceaccounts/" + cluster.ServerName + "/token", false},
		{"bind roles", http.MethodPost, "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", false},
		{"change the APIService", http.MethodDelete, "/apis/apiregistration.k8s.io/v1/apiservices/" + cluster.APIServiceName + "?dryRun=All", false},
		{"read other APIServices", "", "/apis/apiregistration.k8s.io/v1/apiservices", false},
		{"read pods", "", "/api/v1/pods", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := request{method: c.method, path: c.path}
			if c.method == http.MethodPost {
				r.body = `[]`
			}
			if c.may {
				require.Equal(t, http.StatusOK, ask(t, self, r).code)
				return
			}
			a := ask(t, self, r)
			require.Equal(t, http.StatusForbidden, a.code, a.body)
			poll.Eventually(t, patience, func(ctx context.Context) error {
				a, err := try(ctx, control.Config, r)
				require.NotContains(t, []int{http.StatusForbidden, http.StatusNotFound}, a.code, "the path is misspelled: %s", a.body)
				return err
			})
		})
	}
}
