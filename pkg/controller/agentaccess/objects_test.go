// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func aToken() *v1alpha1.ClusterRegistrationToken {
	return &v1alpha1.ClusterRegistrationToken{ObjectMeta: metav1.ObjectMeta{Namespace: "fleet-default", Name: "join", UID: "d0ef5d2e-2d3a-4b0d-8f7e-5c8f0a9c4a11"}}
}

func aGrant() grant {
	return grant{
		registration: &v1alpha1.ClusterRegistration{
			ObjectMeta: metav1.ObjectMeta{Namespace: "fleet-default", Name: "request-abcde", UID: "0a7b5c1e-9d3f-4e57-8a41-3f6f4b1f7c22"},
			Spec:       v1alpha1.ClusterRegistrationSpec{ClientID: "myclient", ClientRandom: "rnd"},
		},
		cluster: &v1alpha1.Cluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: "fleet-default", Name: "cluster-7dae6261ef7e", UID: "c"},
			Status:     v1alpha1.ClusterStatus{Namespace: "cluster-ns"},
		},
	}
}

// Agents and tools look for the names (S 8.2, 8.3 and 4.8).
func TestObjectsHaveFleetsNamesAndNameTheirOwner(t *testing.T) {
	t.Parallel()
	m, g := makings{aToken()}, aGrant()
	values, err := m.values(new(Settings), "", "")
	require.NoError(t, err)
	settings := DefaultSettings()
	fetch, fetcher := m.fetching("registrations", nil)
	role, binding := g.heartbeat()
	const (
		tokenAccount = "join-d0ef5d2e-2d3a-4b0d-8f7e-5c8f0a9c4a11"
		account      = "request-abcde-0a7b5c1e-9d3f-4e57-8a41-3f6f4b1f7c22"
	)
	for _, c := range []struct {
		name    string
		objects []metav1.Object
		kind    string
		of      metav1.Object
	}{
		{"fleet-default/" + tokenAccount, []metav1.Object{m.account()}, tokens, m.token},
		{"fleet-default/" + tokenAccount + "-token", []metav1.Object{m.accountToken()}, tokens, m.token},
		{"fleet-default/" + tokenAccount + "-role", []metav1.Object{m.role()}, tokens, m.token},
		{"fleet-default/" + tokenAccount + "-to-role", []metav1.Object{m.binding()}, tokens, m.token},
		{"fleet-default/join", []metav1.Object{values}, tokens, m.token},
		{"registrations/" + tokenAccount + "-creds", []metav1.Object{fetch, fetcher}, tokens, m.token},
		{"cluster-ns/" + account, []metav1.Object{g.account()}, registrations, g.registration},
		{"cluster-ns/" + account + "-token", []metav1.Object{g.accountToken()}, registrations, g.registration},
		{"cattle-fleet-clusters-system/c-d223b2e954f93d1220b46358e70e1e8d401708b9d6ae94f44a09c0ddcaf8d", []metav1.Object{g.credentials(&settings, nil)}, registrations, g.registration},
		{"fleet-default/request-abcde", []metav1.Object{role, binding}, registrations, g.registration},
		{"cluster-ns/request-abcde", []metav1.Object{g.bundleDeployments()}, registrations, g.registration},
		{"/request-abcde-content", []metav1.Object{g.contents()}, registrations, g.registration},
		{"/cluster-ns", []metav1.Object{clusterNamespace(g.cluster)}, record.Clusters, g.cluster},
	} {
		for _, object := range c.objects {
			require.Equal(t, c.name, object.GetNamespace()+"/"+object.GetName(), "%T", object)
			owner, uid, ok := ownership.Of(object)
			require.True(t, ok, "%T", object)
			require.Equal(t, ownership.Owner{Resource: c.kind, Name: nameOf(c.of)}, owner, "%T", object)
			require.Equal(t, c.of.GetUID(), uid, "%T", object)
		}
	}
	cluster := requestedCluster(g.registration, false)
	require.Equal(t, "fleet-default/cluster-7dae6261ef7e", cluster.Namespace+"/"+cluster.Name)
}

func TestAnAgentCannotChooseTheLabelsThatItIsKnownBy(t *testing.T) {
	t.Parallel()
	r := aGrant().registration
	r.Spec.ClusterLabels = map[string]string{
		"env": "prod", "fleet.cattle.io/created-by-agent-pod": "pod", "fleet.cattle.io/cluster": "other", "fleet.cattle.io/cluster-management": "x",
		"management.cattle.io/cluster-display-name": "local", "example.fleet.cattle.io/a": "b", "fleet.cattle.io": "c",
	}
	const own = "cluster-7dae6261ef7e"
	require.Equal(t, map[string]string{
		"env": "prod", "fleet.cattle.io/created-by-agent-pod": "pod", "fleet.cattle.io/cluster": own, "example.fleet.cattle.io/a": "b", "fleet.cattle.io": "c",
	}, requestedCluster(r, false).Labels)
	require.Equal(t, map[string]string{"fleet.cattle.io/cluster": own}, requestedCluster(r, true).Labels)
	require.Equal(t, "myclient", requestedCluster(r, true).Spec.ClientID)
}

func TestRightsAreThoseOfTheProtocol(t *testing.T) {
	t.Parallel()
	m, g := makings{aToken()}, aGrant()
	require.Equal(t, []rbacv1.PolicyRule{{APIGroups: []string{"fleet.cattle.io"}, Resources: []string{"clusterregistrations"}, Verbs: []string{"create"}}}, m.role().Rules)
	fetch, _ := m.fetching("n", []string{"a", "b"})
	require.Equal(t, []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"a", "b"}, Verbs: []string{"get"}}}, fetch.Rules)
	role, binding := g.heartbeat()
	require.Equal(t, []rbacv1.PolicyRule{{APIGroups: []string{"fleet.cattle.io"}, Resources: []string{"clusters/status"}, ResourceNames: []string{"cluster-7dae6261ef7e"}, Verbs: []string{"patch"}}}, role.Rules)
	self := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: "cluster-ns", Name: g.accountName()}}
	require.Equal(t, self, binding.Subjects)
	require.Equal(t, self, g.bundleDeployments().Subjects)
	require.Equal(t, self, g.contents().Subjects)
	require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-bundle-deployment"}, g.bundleDeployments().RoleRef)
	require.Equal(t, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "fleet-content"}, g.contents().RoleRef)
}

func TestATokenYieldsTheValuesOfAnAgentsChart(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	settings.APIServerURL = "https://kube.example.com:6443"
	const common = "apiServerCA: |\n  CA\napiServerURL: https://kube.example.com:6443\nclusterNamespace: fleet-default\n"
	secret, err := makings{aToken()}.values(&settings, "CA\n", "bearer")
	require.NoError(t, err)
	require.Equal(t, common+"systemRegistrationNamespace: cattle-fleet-clusters-system\ntoken: bearer\ntokenName: join\n", string(secret.Data["values"]))
	require.Equal(t, corev1.SecretType("fleet.cattle.io/cluster-registration-values"), secret.Type)
	settings.SystemNamespace = "fleet-system"
	secret, err = makings{aToken()}.values(&settings, "CA\n", "bearer")
	require.NoError(t, err)
	require.Equal(t, common+"internal:\n  systemNamespace: fleet-system\nsystemRegistrationNamespace: fleet-clusters-system\ntoken: bearer\ntokenName: join\n", string(secret.Data["values"]))
}

func TestACredentialNamesItsAgent(t *testing.T) {
	t.Parallel()
	g := aGrant()
	settings := DefaultSettings()
	secret := g.credentials(&settings, []byte("bearer"))
	require.Equal(t, corev1.SecretType("fleet.cattle.io/agent-credential"), secret.Type)
	require.Equal(t, map[string]string{"fleet.cattle.io/managed": "true", "fleet.cattle.io/cluster": "cluster-7dae6261ef7e"}, secret.Labels)
	require.Equal(t, map[string][]byte{
		"token": []byte("bearer"), "deploymentNamespace": []byte("cluster-ns"), "clusterNamespace": []byte("fleet-default"),
		"clusterName": []byte("cluster-7dae6261ef7e"), "systemNamespace": []byte("cattle-fleet-system"),
	}, secret.Data)
	g.cluster.Name = strings.Repeat("long.", 20) + "name"
	require.NotContains(t, g.credentials(&settings, nil).Labels, "fleet.cattle.io/cluster", "a name that is no label value")
}

func TestATokenExpiresAccordingToItsTTL(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ttl := func(text v1alpha1.Duration) *v1alpha1.Duration { return &text }
	for _, c := range []struct {
		name     string
		ttl      *v1alpha1.Duration
		required bool
		after    time.Duration
		expires  time.Duration // 0 is never
		over     bool
	}{
		{"without one it lives for ever", nil, false, 100 * time.Hour, 0, false},
		{"0 is none", ttl("0"), false, 100 * time.Hour, 0, false},
		{"none where one is required", nil, true, 0, 0, true},
		{"0 where one is required", ttl("0s"), true, 0, 0, true},
		{"before its time", ttl("1h"), true, time.Hour - time.Second, time.Hour, false},
		{"at its time", ttl("1h"), false, time.Hour, time.Hour, true},
		{"long after", ttl("1h"), false, 1000 * time.Hour, time.Hour, true},
		{"times have whole seconds, and are never too early", ttl("1500ms"), false, 1900 * time.Millisecond, 2 * time.Second, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			token := aToken()
			token.CreationTimestamp, token.Spec.TTL = metav1.NewTime(made), c.ttl
			expires, over, err := fate(token, c.required, made.Add(c.after))
			require.NoError(t, err)
			require.Equal(t, c.over, over != "")
			if c.expires == 0 {
				require.Nil(t, expires)
			} else {
				require.Equal(t, made.Add(c.expires), expires.Time)
			}
		})
	}
	token := aToken()
	token.Spec.TTL = ttl("soon")
	_, _, err := fate(token, false, made)
	require.ErrorContains(t, err, "spec.ttl")
}

func TestARegistrationOutlivesOnlyAClusterThatItNames(t *testing.T) {
	t.Parallel()
	cluster := aGrant().cluster
	to := func(kind, name string, uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{Kind: kind, Name: name, UID: uid}
	}
	for _, c := range []struct {
		name    string
		owners  []metav1.OwnerReference
		cluster *v1alpha1.Cluster
		want    bool
	}{
		{"its Cluster exists", []metav1.OwnerReference{to("Cluster", cluster.Name, "c")}, cluster, false},
		{"its Cluster is gone", []metav1.OwnerReference{to("Cluster", cluster.Name, "c")}, nil, true},
		{"another has its Cluster's name", []metav1.OwnerReference{to("Cluster", cluster.Name, "old")}, cluster, true},
		{"the old and the new one own it", []metav1.OwnerReference{to("Cluster", cluster.Name, "old"), to("Cluster", cluster.Name, "c")}, cluster, false},
		{"it says nothing", nil, nil, false},
		{"it has another owner, too", []metav1.OwnerReference{to("Job", "j", "j")}, nil, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := aGrant().registration
			r.Status.ClusterName, r.OwnerReferences = cluster.Name, c.owners
			require.Equal(t, c.want, outlived(r, c.cluster))
		})
	}
}

func TestErrorsNameTheFlagsOfInvalidSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "ca.crt")
	require.NoError(t, os.WriteFile(file, []byte("no certificate"), 0o600))
	for _, c := range []struct {
		name   string
		change func(*Settings)
		says   string
	}{
		{"a namespace that cannot exist", func(s *Settings) { s.SystemNamespace = "Fleet" }, "--agent-system-namespace=Fleet"},
		{"a namespace that leads to one that is too long", func(s *Settings) { s.SystemNamespace = strings.Repeat("a", 56) + "-system" }, "leads to the namespace"},
		{"a URL without TLS", func(s *Settings) { s.APIServerURL = "http://kube" }, "--agent-api-server-url=http://kube"},
		{"an address that is no URL", func(s *Settings) { s.APIServerURL = "kube:6443" }, "--agent-api-server-url=kube:6443"},
		{"a CA that does not exist", func(s *Settings) { s.APIServerCAFile = file + "x" }, "--agent-api-server-ca-file"},
		{"a CA that is none", func(s *Settings) { s.APIServerCAFile = file }, "--agent-api-server-ca-file=" + file},
		{"no time to fetch credentials", func(s *Settings) { s.CredentialLifetime = 0 }, "--registration-credential-lifetime"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			settings := DefaultSettings()
			require.Empty(t, settings.Validate())
			c.change(&settings)
			wrong := settings.Validate()
			require.Len(t, wrong, 1)
			require.ErrorContains(t, wrong[0], c.says)
		})
	}
}

func TestUndeployableClustersGetNoNamespace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cluster, namespace string
		want               bool
	}{
		"an ordinary one":                    {"c", "cluster-ns-c-1", true},
		"one without a namespace yet":        {"c", "", false},
		"one whose namespace has a dot":      {"edge-1.22", "cluster-ns-edge-1.22-1", false},
		"one whose name is no label's value": {strings.Repeat("x", 64), "cluster-ns-x-1", false},
	} {
		cluster := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: c.cluster}, Status: v1alpha1.ClusterStatus{Namespace: c.namespace}}
		require.Equal(t, c.want, hasPlace(cluster), name)
		if !c.want {
			require.NoError(t, new(Controller).ensureClusterNamespace(t.Context(), cluster), "%s: nothing is tried", name)
		}
	}
}
