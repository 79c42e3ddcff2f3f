// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package examples_test decodes the example fleet as strictly as the API server, and
// checks which Clusters each Bundle targets: an example that teaches something wrong is
// worse than none.
package examples_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// waiting names the Bundle that targets no Cluster until make run labels one.
const waiting = "platform-gpu-operator"

type fleet struct {
	clusters []*v1alpha1.Cluster
	groups   []*v1alpha1.ClusterGroup
	bundles  []*v1alpha1.Bundle
	gitRepo  *v1alpha1.GitRepo
}

func TestTheExamplesAreAWholeFleetOfKnownFields(t *testing.T) {
	t.Parallel()
	f := read(t)
	require.Len(t, f.clusters, 6)
	require.Len(t, f.groups, 3)
	require.Len(t, f.bundles, 12)
	for _, c := range f.clusters {
		for _, key := range []string{"env", "region", "tier"} {
			require.NotEmptyf(t, c.Labels[key], "cluster %s: templates use label %s", c.Name, key)
		}
		require.NotContains(t, c.Labels, "gpu", "make run shows what this label does when it is new")
	}
}

func TestEveryBundleHasTheShapeThatFleetApplyGivesIt(t *testing.T) {
	t.Parallel()
	f := read(t, "*.yaml", "downstream/*.yaml")
	for _, b := range f.bundles {
		require.Equal(t, f.gitRepo.Name, b.Labels["fleet.cattle.io/repo-name"], b.Name)
		require.NotEmpty(t, b.Labels["fleet.cattle.io/commit"], b.Name)
		require.NotEmpty(t, b.Spec.TargetRestrictions, "%s: one restriction per target (S 10.3)", b.Name)

		customizations := len(b.Spec.Targets) - len(b.Spec.TargetRestrictions)
		require.GreaterOrEqual(t, customizations, 0, b.Name)
		for i, r := range b.Spec.TargetRestrictions {
			target := b.Spec.Targets[customizations+i]
			require.Equal(t, r.Name, target.Name, "%s: restrictions follow the targets' order (S 2.3)", b.Name)
			require.Equal(t, r.ClusterGroup, target.ClusterGroup, b.Name)
			require.Equal(t, r.ClusterSelector, target.ClusterSelector, b.Name)
		}
		require.True(t, slices.IsSortedFunc(b.Spec.Resources, func(x, y v1alpha1.BundleResource) int {
			return bytes.Compare([]byte(x.Name), []byte(y.Name))
		}), "%s: resources are sorted by name (S 10.3)", b.Name)
	}
}

func TestEveryBundleReachesSomeClusterButTheOneThatWaits(t *testing.T) {
	t.Parallel()
	f := read(t)
	for _, b := range f.bundles {
		reached := f.reached(t, b)
		if b.Name == waiting {
			require.Empty(t, reached)
			continue
		}
		require.NotEmpty(t, reached, b.Name)
	}
}

func TestOneLabelMakesTheWaitingBundleReachOneCluster(t *testing.T) {
	t.Parallel()
	f := read(t)
	for _, c := range f.clusters {
		if c.Name == "prod-frankfurt" {
			c.Labels["gpu"] = "nvidia"
		}
	}
	i := slices.IndexFunc(f.bundles, func(b *v1alpha1.Bundle) bool { return b.Name == waiting })
	require.Equal(t, []string{"prod-frankfurt"}, f.reached(t, f.bundles[i]))
}

func TestEveryTemplateResolvesForEveryClusterThatGetsIt(t *testing.T) {
	t.Parallel()
	f := read(t)
	for _, c := range f.clusters {
		c.Labels["gpu"] = "nvidia" // so that the waiting Bundle is checked too
	}
	regions := map[string]bool{}
	for _, b := range f.bundles {
		targets, err := targeting.Compile(&b.Spec)
		require.NoError(t, err, b.Name)
		version := derive.NewVersion(b, derive.Facts{})
		require.Empty(t, version.Failure(), b.Name)
		for _, c := range f.clusters {
			match, ok := targets.Resolve(f.target(t, c))
			if !ok {
				continue
			}
			content := version.Content(match, &rules.Injected{}, c)
			require.Emptyf(t, content.Failure, "%s on %s", b.Name, c.Name)
			if content.Options.Helm == nil || content.Options.Helm.Values == nil {
				continue
			}
			values, err := yaml.Marshal(content.Options.Helm.Values.Data)
			require.NoError(t, err)
			require.NotContainsf(t, string(values), "${", "%s on %s", b.Name, c.Name)
			if b.Name == waiting {
				region, _ := content.Options.Helm.Values.Data["region"].(string)
				require.Equal(t, c.Labels["region"], region, c.Name)
				regions[region] = true
			}
		}
	}
	require.Len(t, regions, 4, "the Clusters are in four regions, and their values say so")
}

// reached returns the names of the Clusters that a Bundle targets.
func (f fleet) reached(t *testing.T, b *v1alpha1.Bundle) []string {
	t.Helper()
	targets, err := targeting.Compile(&b.Spec)
	require.NoError(t, err, b.Name)
	var names []string
	for _, c := range f.clusters {
		if _, ok := targets.Resolve(f.target(t, c)); ok {
			names = append(names, c.Name)
		}
	}
	return names
}

func (f fleet) target(t *testing.T, c *v1alpha1.Cluster) targeting.Cluster {
	t.Helper()
	target := targeting.Cluster{Name: c.Name, Namespace: c.Namespace, Labels: c.Labels}
	for _, g := range f.groups {
		selector, err := metav1.LabelSelectorAsSelector(g.Spec.Selector)
		require.NoError(t, err, g.Name)
		if selector.Matches(labels.Set(c.Labels)) {
			target.Groups = append(target.Groups, targeting.Group{Name: g.Name, Labels: g.Labels})
		}
	}
	return target
}

func TestOneLabelMakesTheNoticeReachTheClusterThatIsDeployedTo(t *testing.T) {
	t.Parallel()
	f := read(t, "*.yaml", "downstream/*.yaml")
	require.Len(t, f.clusters, 7)
	require.Len(t, f.bundles, 13)
	lab := f.clusters[slices.IndexFunc(f.clusters, func(c *v1alpha1.Cluster) bool { return c.Name == "lab-frankfurt" })]
	gets := func() (names []string) {
		for _, b := range f.bundles {
			if slices.Contains(f.reached(t, b), lab.Name) {
				names = append(names, b.Name)
			}
		}
		return names
	}
	require.Empty(t, gets(), "it has no nodes: what needs to run is never ready there")
	lab.Labels["maintenance"] = "tonight"
	require.Equal(t, []string{"platform-notice"}, gets())
	require.Equal(t, lab.Name, lab.Labels["management.cattle.io/cluster-display-name"], "by this label make run excludes it from the simulation")
}

// read decodes the files that patterns match; without patterns, those of the fleet that
// make run always loads.
func read(t *testing.T, patterns ...string) fleet {
	t.Helper()
	if len(patterns) == 0 {
		patterns = []string{"*.yaml"}
	}
	var names []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		names = append(names, found...)
	}
	var f fleet
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text))); ; {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
			f.add(t, name, document)
		}
	}
	return f
}

// add decodes one document into the type of its kind; it fails for a field that the
// type does not have.
func (f *fleet) add(t *testing.T, name string, document []byte) {
	t.Helper()
	var meta metav1.TypeMeta
	require.NoError(t, yaml.Unmarshal(document, &meta), name)
	if meta.Kind == "" {
		return // only a comment
	}
	require.Equal(t, v1alpha1.SchemeGroupVersion.String(), meta.APIVersion, name)
	switch meta.Kind {
	case "Cluster":
		f.clusters = append(f.clusters, strictly[v1alpha1.Cluster](t, name, document))
	case "ClusterGroup":
		f.groups = append(f.groups, strictly[v1alpha1.ClusterGroup](t, name, document))
	case "Bundle":
		f.bundles = append(f.bundles, strictly[v1alpha1.Bundle](t, name, document))
	case "GitRepo":
		f.gitRepo = strictly[v1alpha1.GitRepo](t, name, document)
	case "BundleNamespaceMapping":
		strictly[v1alpha1.BundleNamespaceMapping](t, name, document)
	case "GitRepoRestriction":
		strictly[v1alpha1.GitRepoRestriction](t, name, document)
	default:
		require.Failf(t, "unknown kind", "%s: %s", name, meta.Kind)
	}
}

func strictly[T any](t *testing.T, name string, document []byte) *T {
	t.Helper()
	object := new(T)
	require.NoErrorf(t, yaml.UnmarshalStrict(document, object), "%s:\n%s", name, document)
	return object
}
