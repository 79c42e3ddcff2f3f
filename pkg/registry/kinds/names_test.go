// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// TestACreateWarnsOfANameUnderWhichNothingCanBeDeployed checks that the object is created,
// as with a CRD, and that updates of it give no warning.
func TestACreateWarnsOfANameUnderWhichNothingCanBeDeployed(t *testing.T) {
	t.Parallel()
	long, longest := strings.Repeat("x", 64), strings.Repeat("x", 63)
	managed := map[string]string{v1alpha1.LabelClusterManagement: "other"}
	for name, c := range map[string]struct {
		resource, name string
		labels         map[string]string
		warning        string
	}{
		"a Bundle of 64 characters":                          {"bundles", long, nil, "metadata.name has 64 characters, and the label fleet.cattle.io/bundle-name"},
		"a Bundle of 63 characters":                          {"bundles", longest, nil, ""},
		"a Bundle with dots":                                 {"bundles", "a.b", nil, ""},
		"a Cluster of 64 characters":                         {"clusters", long, nil, "metadata.name has 64 characters, and the label fleet.cattle.io/cluster"},
		"a Cluster of 64 characters that others manage":      {"clusters", long, managed, "metadata.name has 64 characters, and the label fleet.cattle.io/cluster"},
		"a Cluster of 63 characters":                         {"clusters", longest, nil, ""},
		"a Cluster with dots":                                {"clusters", "edge-1.22", nil, `metadata.name gives the Cluster the namespace "cluster-ns-edge-1.22-`},
		"a Cluster with dots that others manage":             {"clusters", "edge-1.22", managed, ""},
		"a Cluster with a dot that its namespace leaves out": {"clusters", longest[:60] + ".b", nil, ""},
		"a GitRepo of 64 characters":                         {"gitrepos", long, nil, "metadata.name has 64 characters, and the label fleet.cattle.io/repo-name"},
		"a HelmOp of 64 characters":                          {"helmops", long, nil, "metadata.name has 64 characters, and the label fleet.cattle.io/fleet-helm-name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			strategy := ByResource(c.resource).Strategy(typer(t))
			obj := ByResource(c.resource).New()
			objectMeta(obj).Name, objectMeta(obj).Namespace, objectMeta(obj).Labels = c.name, "ns", c.labels
			objectMeta(obj).UID, objectMeta(obj).CreationTimestamp = "u", metav1.Unix(1, 0)
			if repo, ok := obj.(*v1alpha1.GitRepo); ok {
				repo.Spec.Repo = "https://example.org/repo"
			}
			ctx, _ := request(t, "ns")
			require.NoError(t, rest.BeforeCreate(strategy, ctx, obj))
			about := ""
			for _, text := range strategy.WarningsOnCreate(ctx, obj) {
				if strings.HasPrefix(text, "metadata.name") {
					about = text
				}
			}
			if c.warning == "" {
				require.Empty(t, about)
				return
			}
			require.Contains(t, about, c.warning)
			next := obj.DeepCopyObject()
			objectMeta(next).Labels = map[string]string{"a": "b"}
			objectMeta(next).ResourceVersion, objectMeta(obj).ResourceVersion = "5", "5"
			ctx, warnings := request(t, "ns")
			require.NoError(t, rest.BeforeUpdate(strategy, ctx, next, obj))
			require.NotContains(t, strings.Join(warnings.texts, "\n"), "metadata.name has")
		})
	}
}
