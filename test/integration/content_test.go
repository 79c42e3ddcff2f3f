// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var resources = map[string][]v1alpha1.BundleResource{
	"none":           nil,
	"one":            {{Name: "a.yaml", Content: "a: b\n"}},
	"empty content":  {{Name: "a.yaml", Content: ""}, {Name: "b.yaml", Content: "x"}},
	"no name":        {{Content: "x"}},
	"lines of DOS":   {{Name: "a.yaml", Content: "a: b\r\nc: d\r\n\r\n"}},
	"unicode":        {{Name: "ä/日本.yaml", Content: "größe: 🚢\n\u2028\u2029\u00a0\ufeff"}},
	"markup":         {{Name: "a.yaml", Content: "<a href=\"&amp;\">\\u003c</a>\t\x00\x1f\x7f"}},
	"encoded":        {{Name: "a.yaml", Content: base64.StdEncoding.EncodeToString([]byte("abc")), Encoding: "base64+gz"}},
	"in their order": {{Name: "z", Content: "1"}, {Name: "a", Content: "2"}, {Name: "z", Content: "3"}, {Name: "a", Content: "2"}},
}

// manifestOf is the oracle of manifests: it follows S 4.1 word by word.
func manifestOf(t *testing.T, list []v1alpha1.BundleResource) (text []byte, id, digest string) {
	t.Helper()
	type resource struct {
		Name     string `json:"name,omitempty"`
		Content  string `json:"content,omitempty"`
		Encoding string `json:"encoding,omitempty"`
	}
	var m struct {
		Resources []resource `json:"resources,omitempty"`
	}
	for _, r := range list {
		m.Resources = append(m.Resources, resource(r))
	}
	var out bytes.Buffer
	require.NoError(t, json.NewEncoder(&out).Encode(m))
	sum := sha256.Sum256(out.Bytes())
	digest = hex.EncodeToString(sum[:])
	return out.Bytes(), ("s-" + digest)[:63], digest
}

func TestContentsAreKeptByteForByte(t *testing.T) {
	t.Parallel()
	s := shared(t)
	for title, list := range resources {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			ns := fresh(t)
			c := s.clientset(t)
			createCluster(t, c, cluster(ns, "c1"))
			b := bundle(ns, "app")
			b.Spec.Resources = list
			w := watching(t, s.resource(t, "bundles", ns), metav1.ListOptions{})
			made := createBundle(t, c, b)
			require.Equal(t, list, made.Spec.Resources)
			require.Equal(t, list, fetch(t, c.FleetV1alpha1().Bundles(ns), "app").Spec.Resources)
			require.Equal(t, list, listOf(t, c.FleetV1alpha1().Bundles(ns)).Items[0].Spec.Resources)
			var event v1alpha1.Bundle
			require.NoError(t, json.Unmarshal(marshal(t, w.expect(watch.Added, "app")), &event))
			require.Equal(t, list, event.Spec.Resources)

			text, id, digest := manifestOf(t, list)
			d := fetch(t, c.FleetV1alpha1().BundleDeployments(home(ns, "c1")), "app")
			require.Equal(t, id, d.Labels[v1alpha1.LabelContentName])
			require.True(t, strings.HasPrefix(d.Spec.DeploymentID, id+":"), d.Spec.DeploymentID)
			content := fetch(t, c.FleetV1alpha1().Contents(), id)
			require.Equal(t, digest, content.SHA256Sum)
			zipped, err := gzip.NewReader(bytes.NewReader(content.Content))
			require.NoError(t, err)
			unzipped, err := io.ReadAll(zipped)
			require.NoError(t, err)
			require.Equal(t, text, unzipped)
		})
	}
	_, err := s.clientset(t).FleetV1alpha1().Contents().Get(t.Context(), "s-none", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

func TestAnEditOfTheResourcesIsNewContentAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1"))
	createBundle(t, c, bundle(ns, "app"))
	deployments := c.FleetV1alpha1().BundleDeployments(home(ns, "c1"))
	named := func() string { return fetch(t, deployments, "app").Labels[v1alpha1.LabelContentName] }
	edit := func(patch string) *v1alpha1.Bundle { return merge(t, c.FleetV1alpha1().Bundles(ns), "app", patch) }
	first := named()
	require.EqualValues(t, 2, edit(`{"spec":{"namespace":"elsewhere"}}`).Generation)
	require.Equal(t, first, named())
	labelled := edit(`{"metadata":{"labels":{"a":"b"}}}`)
	require.EqualValues(t, 2, labelled.Generation)
	require.Len(t, labelled.Spec.Resources, 1, "an edit of something else lost the resources")
	require.EqualValues(t, 3, edit(`{"spec":{"resources":[{"name":"a.yaml","content":"other"}]}}`).Generation)
	second := named()
	require.NotEqual(t, first, second)
	_, id, _ := manifestOf(t, []v1alpha1.BundleResource{{Name: "a.yaml", Content: "other"}})
	require.Equal(t, id, second)
	edit(`{"spec":{"resources":null}}`)
	_, id, _ = manifestOf(t, nil)
	require.Equal(t, id, named())
	_, err := c.FleetV1alpha1().Contents().Get(t.Context(), first, metav1.GetOptions{})
	require.NoError(t, err, "an agent may still use the old one")
}

func TestContentsAreListedInPages(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	for i := range 9 {
		createBundle(t, c, bundle("ns", name("app", i)))
	}
	client := s.resource(t, "contents", "")
	all := listOf(t, client)
	require.Len(t, all.Items, 9)
	got, revisions := pages(t, client, metav1.ListOptions{Limit: 2}, func() { createBundle(t, c, bundle("ns", fmt.Sprint("more-", s.revision(t)))) })
	require.Equal(t, all.Items, got)
	for _, revision := range revisions {
		require.Equal(t, all.GetResourceVersion(), revision)
	}
	named := listOf(t, client, metav1.ListOptions{FieldSelector: "metadata.name=" + all.Items[3].GetName()})
	require.Equal(t, keys(all.Items[3:4]), keys(named.Items))
	then := listOf(t, client, metav1.ListOptions{ResourceVersion: all.GetResourceVersion(), ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	require.Equal(t, all.Items, then.Items)
}

func TestThreeMegabytesOfYAMLFit(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	var text strings.Builder
	for i := 0; text.Len() < 3<<20; i++ {
		fmt.Fprintf(&text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config-%d\ndata:\n  key: \"value %d\"\n", i, i*i)
	}
	b := bundle(ns, "big")
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "all.yaml", Content: text.String()}}
	made := createBundle(t, c, b)
	require.Equal(t, b.Spec.Resources, made.Spec.Resources)
	require.Equal(t, b.Spec.Resources, fetch(t, c.FleetV1alpha1().Bundles(ns), "big").Spec.Resources)
}

func TestThreeMegabytesOfNoiseAreRefusedAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	noise := make([]byte, 3<<20*3/4)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	b := bundle("ns", "noise")
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "noise", Content: base64.StdEncoding.EncodeToString(noise), Encoding: "base64"}}
	before := s.revision(t)
	_, err = c.FleetV1alpha1().Bundles("ns").Create(t.Context(), b, metav1.CreateOptions{})
	require.True(t, apierrors.IsRequestEntityTooLargeError(err), "%v", err)
	require.Regexp(t, `bundles "noise" takes 2[0-9]{6} bytes .* may take 1[0-9]{6}: split`, err.Error())
	require.ErrorContains(t, err, "OCI")
	require.Equal(t, before, s.revision(t))
	records, err := s.etcd.Get(t.Context(), logPrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	require.NoError(t, err)
	for _, kv := range records.Kvs {
		require.NotContains(t, string(kv.Key), "noise")
		require.NotContains(t, string(kv.Key), "/content/")
	}
	_, err = c.FleetV1alpha1().Bundles("ns").Get(t.Context(), "noise", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
}

// TestABundleInARegistryIsReferenced follows spec.contentsId to what an agent reads (S 4.1,
// S 5.1): it fetches the resources from the registry, and no Content has them.
func TestABundleInARegistryIsReferenced(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createCluster(t, s.clientset(t), cluster(ns, "c1", "env", "prod"))
	b := bundle(ns, "oci", "env", "prod")
	b.Spec.Resources, b.Spec.ContentsID = nil, "s-0123456789"
	createBundle(t, s.clientset(t), b)
	deployments := s.resource(t, "bundledeployments", home(ns, "c1"))
	referenced := func(want string) string {
		t.Helper()
		o := get(t, deployments, "oci")
		spec, _ := o.Object["spec"].(map[string]any)
		require.Equal(t, true, spec["ociContents"])
		require.NotContains(t, o.GetLabels(), v1alpha1.LabelContentName)
		require.Equal(t, spec["deploymentID"], spec["stagedDeploymentID"])
		require.Equal(t, true, spec["waitingForValues"], "the registry's Secret is not copied yet")
		require.NotContains(t, spec, "valuesHash")
		id, options, _ := strings.Cut(spec["deploymentID"].(string), ":")
		require.Equal(t, want, id)
		return options
	}
	options := referenced("s-0123456789")
	merge(t, s.clientset(t).FleetV1alpha1().Bundles(ns), "oci", `{"spec":{"contentsId":"s-abcdef"}}`)
	require.Equal(t, options, referenced("s-abcdef"), "the options are the same")
	merge(t, s.clientset(t).FleetV1alpha1().Bundles(ns), "oci", `{"spec":{"contentsId":null,"resources":[{"name":"a.yaml","content":"kind: ConfigMap"}]}}`)
	spec, _ := get(t, deployments, "oci").Object["spec"].(map[string]any)
	require.NotContains(t, spec, "ociContents")
	require.NotContains(t, spec, "waitingForValues")
	require.Contains(t, get(t, deployments, "oci").GetLabels(), v1alpha1.LabelContentName)
}
