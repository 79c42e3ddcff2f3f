// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// musters holds the rights that the manifests give to Muster in all namespaces.
var musters = []string{
	"create subjectaccessreviews.authorization.k8s.io",
	"create tokenreviews.authentication.k8s.io",
	"get apiservices.apiregistration.k8s.io named v1alpha1.fleet.cattle.io",
	"get,list,watch flowschemas.flowcontrol.apiserver.k8s.io",
	"get,list,watch mutatingadmissionpolicies.admissionregistration.k8s.io",
	"get,list,watch mutatingadmissionpolicybindings.admissionregistration.k8s.io",
	"get,list,watch mutatingwebhookconfigurations.admissionregistration.k8s.io",
	"get,list,watch namespaces",
	"get,list,watch prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
	"get,list,watch validatingadmissionpolicies.admissionregistration.k8s.io",
	"get,list,watch validatingadmissionpolicybindings.admissionregistration.k8s.io",
	"get,list,watch validatingwebhookconfigurations.admissionregistration.k8s.io",
	"patch flowschemas/status.flowcontrol.apiserver.k8s.io",
}

// trust is the right to read how to recognise the front proxy.
const trust = "get,list,watch configmaps named extension-apiserver-authentication"

// remembers holds the rights in its own namespace: the Lease that remembers etcd.
var remembers = []string{
	"create leases.coordination.k8s.io",
	"get,update leases.coordination.k8s.io named muster-etcd",
}

func TestMusterMayDoNoMoreThanTheTable(t *testing.T) {
	t.Parallel()
	self := control.AsAccount(t, cluster.Namespace, cluster.ServerName)
	for namespace, more := range map[string][]string{
		cluster.Namespace: remembers, north.namespace: nil, workspace: nil, metav1.NamespaceDefault: nil,
		metav1.NamespaceSystem: {trust},
	} {
		t.Run("in "+namespace, func(t *testing.T) {
			t.Parallel()
			got, review, err := cluster.Rights(t.Context(), self, namespace)
			require.NoError(t, err)
			require.False(t, review.Incomplete)
			want := slices.Concat(cluster.BasicRights, musters, more)
			slices.Sort(want)
			require.Equal(t, want, got)
			for _, rule := range review.NonResourceRules {
				require.Equal(t, []string{"get"}, rule.Verbs)
				for _, url := range rule.NonResourceURLs {
					require.Regexp(t, `^/(api|apis|openapi|openid|version|healthz|livez|readyz|\.well-known)(/.*)?$`, url, "paths that every user may read")
				}
			}
		})
	}
}

// The review above is only informational, so this test sends requests.
func TestMusterIsDeniedRightsThatItDoesNotNeed(t *testing.T) {
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
		{"read other Leases of its namespace", "", "/apis/coordination.k8s.io/v1/namespaces/" + cluster.Namespace + "/leases", false},
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
