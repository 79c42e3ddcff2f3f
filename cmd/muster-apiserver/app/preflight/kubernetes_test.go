// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/version"
	discoveryfake "k8s.io/client-go/discovery/fake"
)

func TestPreflightChecksTheCluster(t *testing.T) {
	t.Parallel()
	users, proxy := newAuthority(t, "users", 900*day), newAuthority(t, "proxy", 900*day)
	trust := func(proxy []byte, names string) []runtime.Object {
		return []runtime.Object{&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication"},
			Data:       map[string]string{"client-ca-file": string(users.pem), "requestheader-client-ca-file": string(proxy), "requestheader-allowed-names": names},
		}}
	}
	for _, c := range []struct {
		name, version string
		aggregated    bool
		exist         []runtime.Object
		faults        int
		said          string
	}{
		{"all is well", "v1.37.2+k3s1", true, trust(proxy.pem, `["front"]`), 0, "ok: the aggregation layer is enabled, and the front proxy has a name"},
		{"any name", "v1.36.0", true, trust(proxy.pem, "[]"), 0, "warning: every certificate of the front proxy's authority may name users"},
		{"any name, and users' certificates", "v1.36.0", true, trust(users.pem, "[]"), 1, "each user could speak for all others"},
		{"a name, and users' certificates", "v1.36.0", true, trust(users.pem, `["front"]`), 0, "ok: the aggregation layer"},
		{"no front proxy", "v1.36.0", true, trust(nil, ""), 1, "without --requestheader-client-ca-file"},
		{"no ConfigMap", "v1.36.0", true, nil, 1, "not found"},
		{"no APIServices", "v1.36.0", false, trust(proxy.pem, `["front"]`), 1, "not ok: kube-apiserver has no aggregation layer"},
		{"an old version", "v1.35.9", true, trust(proxy.pem, `["front"]`), 1, "not ok: kube-apiserver has the version v1.35.9; upgrade it to 1.36 or later"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, said := trial(t, c.exist...)
			discovery, ok := p.core.Discovery().(*discoveryfake.FakeDiscovery)
			require.True(t, ok)
			discovery.FakedServerVersion = &version.Info{GitVersion: c.version}
			if c.aggregated {
				discovery.Resources = []*metav1.APIResourceList{{GroupVersion: "apiregistration.k8s.io/v1"}}
			}
			require.True(t, p.checkVersion())
			p.checkAggregation(t.Context())
			require.Equal(t, c.faults, p.faults, said)
			require.Contains(t, said.String(), c.said)
		})
	}
}
