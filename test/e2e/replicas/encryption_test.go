// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// markers are texts that must not occur in etcd. Each stands for one place that stores
// parts of a Bundle.
var markers = map[string]string{
	"the values of a Bundle":                 "marker-values-7c1f",
	"the values of a target of a Bundle":     "marker-target-90ab",
	"a resource of a Bundle (a Content)":     "marker-resource-44de",
	"options kept for a Cluster that breaks": "marker-label-5510",
	"a version kept because the next fails":  "marker-version-e2f3",
}

type encryptionKey struct{ name, secret string }

func newEncryptionKey(name string, fill byte) encryptionKey {
	return encryptionKey{name, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32))}
}

// encryptionConfig returns a configuration that writes with the first key, or in plain text
// if plain is set or no key is given, and reads with all keys.
func encryptionConfig(plain bool, keys ...encryptionKey) map[string][]byte {
	var b strings.Builder
	b.WriteString("apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [bundles.fleet.cattle.io]\n  providers:\n")
	if len(keys) > 0 {
		b.WriteString("  - aesgcm:\n      keys:\n")
		for _, key := range keys {
			fmt.Fprintf(&b, "      - {name: %s, secret: %s}\n", key.name, key.secret)
		}
	}
	if plain {
		b.WriteString("  - identity: {}\n")
	}
	return map[string][]byte{"config.yaml": []byte(b.String())}
}

const encryptionSecret = "muster-encryption"

func TestBundlesAreEncryptedAndKeysAreRotated(t *testing.T) {
	one, two := newEncryptionKey("one", 1), newEncryptionKey("two", 2)
	m, etcd := install(t, 1, cluster.EtcdOptions{}, cluster.Options{
		Replicas: 1, Components: []string{"controller", "encryption"}, Secrets: map[string]map[string][]byte{encryptionSecret: encryptionConfig(true)},
	})
	c := clientset(t, control.Config)
	makeSecrets(t, c)
	found := search(t, etcd)
	t.Logf("in the clear without encryption: %v", found)
	for what := range markers {
		require.Contains(t, found, what, "the search would not find it")
	}
	before := snapshot(t, c)

	operator := cluster.NewShell(t, cluster.ServerName)
	operator.Etcd(etcd, 0)
	configure := func(config map[string][]byte) {
		operator.Write(t, "config.yaml", config["config.yaml"])
		m.SetSecret(t, encryptionSecret, config)
		m.Roll(t)
		require.Equal(t, before, snapshot(t, c))
	}
	reencrypt := func() {
		out := operator.Step(t, "operations.md", "reencrypt")
		require.Contains(t, out, "done: read")
		t.Logf("reencrypt: %s", out)
		require.Equal(t, before, snapshot(t, c))
	}

	// First every replica can read with a key, then replicas write with it.
	configure(encryptionConfig(true, one))
	reencrypt()
	require.Empty(t, search(t, etcd))
	require.NotContains(t, encryptedWith(t, etcd), "")
	edited := patchBundle(t, c, "values", `{"metadata":{"labels":{"edited":"yes"}}}`)
	require.Equal(t, "yes", edited.Labels["edited"])
	require.Empty(t, search(t, etcd))
	before = snapshot(t, c)

	// Replicas first read with a new key. Otherwise those without the key could not read
	// the records of those with it.
	configure(encryptionConfig(true, one, two))
	configure(encryptionConfig(true, two, one))
	reencrypt()
	require.Equal(t, []string{"two"}, encryptedWith(t, etcd))
	configure(encryptionConfig(false, two))

	// A wrong key with the right name, and no key at all.
	for name, config := range map[string]map[string][]byte{"wrong": encryptionConfig(true, newEncryptionKey("two", 3)), "plain": encryptionConfig(true)} {
		m.SetSecret(t, encryptionSecret, config)
		r := m.Add(t)
		neverReady(t, r, name)
		m.Remove(t, r)
		require.Equal(t, before, snapshot(t, c))
	}
	m.SetSecret(t, encryptionSecret, encryptionConfig(false, two))
	m.Add(t).WaitReady(t)
}

// neverReady checks that a replica that cannot decrypt the records says so, and serves
// nothing.
func neverReady(t *testing.T, r *cluster.Replica, name string) {
	t.Helper()
	var said *answer
	require.Eventually(t, func() bool {
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath+"/bundles", "")
		if err != nil {
			return false // it does not listen yet
		}
		said = a
		return a.status < http.StatusBadRequest || strings.Contains(a.body, "--encryption-provider-config")
	}, within, pace, "%s key: it does not say what is wrong", name)
	t.Logf("%s key: %s", name, said.body)
	require.Equal(t, http.StatusServiceUnavailable, said.status)
	require.False(t, r.Ready())
	for _, path := range []string{"/bundledeployments", "/bundles?resourceVersion=0", "/clusters", ""} {
		a, err := ask(t.Context(), r.Direct(control.Config), http.MethodGet, groupPath+path, "")
		require.NoError(t, err)
		require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	}
	require.True(t, r.Process.Running())
}

// makeSecrets writes every marker to its place.
func makeSecrets(t *testing.T, c versioned.Interface) {
	t.Helper()
	const namespace = "encrypted"
	control.MakeNamespace(t, namespace)
	object := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "c", Labels: map[string]string{"region": "5510", "env": "prod"}}}
	_, err := c.FleetV1alpha1().Clusters(namespace).Create(t.Context(), object, metav1.CreateOptions{})
	require.NoError(t, err)
	add := func(name string, change func(*v1alpha1.Bundle)) {
		b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		b.Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: "kind: ConfigMap"}}
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
		change(b)
		_, err := c.FleetV1alpha1().Bundles(namespace).Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	values := func(text string) *v1alpha1.HelmOptions {
		return &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"secret": text}}}
	}
	add("values", func(b *v1alpha1.Bundle) { b.Spec.Helm = values(markers["the values of a Bundle"]) })
	add("target", func(b *v1alpha1.Bundle) {
		b.Spec.Targets[0].Helm = values(markers["the values of a target of a Bundle"])
	})
	add("resource", func(b *v1alpha1.Bundle) { b.Spec.Resources[0].Content = markers["a resource of a Bundle (a Content)"] })
	// The removal of a label breaks this Bundle on the Cluster: its last options, with the
	// computed value, are kept.
	add("label", func(b *v1alpha1.Bundle) { b.Spec.Helm = values(`marker-label-${ .ClusterLabels.region }`) })
	// This Bundle gets a version that fails on every Cluster.
	add("version", func(b *v1alpha1.Bundle) { b.Spec.Helm = values(markers["a version kept because the next fails"]) })
	patchBundle(t, c, "version", `{"spec":{"helm":{"values":{"secret":"${ .ClusterLabels.zone }"}}}}`)
	_, err = c.FleetV1alpha1().Clusters(namespace).Patch(t.Context(), "c", types.MergePatchType, []byte(`{"metadata":{"labels":{"region":null}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func patchBundle(t *testing.T, c versioned.Interface, name, patch string) *v1alpha1.Bundle {
	t.Helper()
	out, err := c.FleetV1alpha1().Bundles("encrypted").Patch(t.Context(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	require.NoError(t, err)
	return out
}

// snapshot returns what clients see, except for resourceVersions.
func snapshot(t *testing.T, c versioned.Interface) []any {
	t.Helper()
	var out []any
	bundles, err := c.FleetV1alpha1().Bundles("encrypted").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, bundles.Items, 5)
	for _, item := range bundles.Items {
		item.ResourceVersion = ""
		out = append(out, item)
	}
	deployments, err := c.FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, deployments.Items)
	for _, item := range deployments.Items {
		item.ResourceVersion = ""
		out = append(out, item)
		if item.Spec.DeploymentID == "" {
			continue
		}
		id, _, _ := strings.Cut(item.Spec.DeploymentID, ":")
		content, err := c.FleetV1alpha1().Contents().Get(t.Context(), id, metav1.GetOptions{})
		require.NoError(t, err)
		out = append(out, content.Content)
	}
	return out
}

// search returns the markers that occur in stored keys and values.
func search(t *testing.T, etcd *cluster.Etcd) []string {
	t.Helper()
	found := map[string]bool{}
	for _, kv := range stored(t, etcd) {
		for what, marker := range markers {
			if bytes.Contains(kv.Value, []byte(marker)) || bytes.Contains(unpacked(kv.Value), []byte(marker)) || strings.Contains(string(kv.Key), marker) {
				found[what] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// unpacked returns a value with its gzip data, such as a Content's, decompressed.
func unpacked(value []byte) []byte {
	begin := bytes.Index(value, []byte{0x1f, 0x8b, 8})
	if begin < 0 {
		return nil
	}
	r, err := gzip.NewReader(bytes.NewReader(value[begin:]))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(r) // as much as the value holds
	return text
}

// encryptedWith returns the names of the keys that encrypt Bundles and the records that follow
// from them; "" means none.
func encryptedWith(t *testing.T, etcd *cluster.Etcd) []string {
	t.Helper()
	names := map[string]bool{}
	for _, kv := range stored(t, etcd) {
		if key := string(kv.Key); !strings.Contains(key, "/bundles/") && !strings.Contains(key, "/content") {
			continue
		}
		name := ""
		if rest, encrypted := strings.CutPrefix(string(kv.Value), "k8s:enc:aesgcm:v1:"); encrypted {
			name, _, _ = strings.Cut(rest, ":")
		}
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func stored(t *testing.T, etcd *cluster.Etcd) []*mvccpb.KeyValue {
	t.Helper()
	response, err := etcd.Client(t).Get(t.Context(), "\x00", clientv3.WithFromKey())
	require.NoError(t, err)
	require.NotEmpty(t, response.Kvs)
	return response.Kvs
}
