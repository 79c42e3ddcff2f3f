// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

var (
	seed  = flag.Uint64("seed", 1, "seed of the random tests")
	round = flag.Int("round", -1, "replay only this round of a random test")
)

// naive is S 3.3 step by step: one Cluster at a time, every step each time, with
// text/template, sprig and sigs.k8s.io/yaml unchanged.
func naive(options v1alpha1.BundleDeploymentOptions, c *v1alpha1.Cluster) (v1alpha1.BundleDeploymentOptions, error) {
	labels, annotations := map[string]any{}, map[string]any{}
	for k, v := range c.Labels {
		if strings.HasPrefix(k, "fleet.cattle.io/") || strings.HasPrefix(k, "management.cattle.io/") ||
			!strings.HasPrefix(k, "kubectl.kubernetes.io/") && !strings.Contains(k, "cattle.io/") {
			labels[k] = v
		}
	}
	for k, v := range c.Annotations {
		if !strings.HasPrefix(k, "kubectl.kubernetes.io/") && !strings.Contains(k, "cattle.io/") {
			annotations[k] = v
		}
	}
	if len(labels) == 0 {
		return options, nil
	}
	if options.Helm == nil {
		options.Helm = &v1alpha1.HelmOptions{}
		return options, nil
	}
	helm := options.Helm
	if helm.Values == nil {
		helm.Values = &v1alpha1.GenericMap{Data: map[string]any{}}
	}
	if helm.TemplateValues == nil && len(helm.Values.Data) == 0 {
		return options, nil
	}
	if err := naiveLabels(helm.Values.Data, labels, 0); err != nil {
		return options, err
	}
	if helm.DisablePreProcess {
		return options, nil
	}
	clusterValues := map[string]any{}
	if c.Spec.TemplateValues != nil {
		text, _ := json.Marshal(c.Spec.TemplateValues)
		_ = json.Unmarshal(text, &clusterValues)
	}
	context := map[string]any{
		"ClusterNamespace": c.Namespace, "ClusterName": c.Name, "ClusterLabels": labels,
		"ClusterAnnotations": annotations, "ClusterValues": clusterValues,
	}
	text, err := yaml.Marshal(helm.Values.Data)
	if err != nil {
		return options, err
	}
	var rendered map[string]any
	if err := naiveRender(string(text), context, &rendered); err != nil {
		return options, err
	}
	if rendered == nil {
		rendered = map[string]any{}
	}
	for _, key := range slices.Sorted(maps.Keys(helm.TemplateValues)) {
		var value any
		if err := naiveRender(helm.TemplateValues[key], context, &value); err != nil {
			return options, err
		}
		rendered[key] = value
	}
	helm.Values = &v1alpha1.GenericMap{Data: rendered}
	return options, nil
}

func naiveLabels(m map[string]any, labels map[string]any, depth int) error {
	if depth > 50 {
		return fmt.Errorf("too deep")
	}
	for k, v := range m {
		switch v := v.(type) {
		case string:
			if name, ok := strings.CutPrefix(v, "global.fleet.clusterLabels."); ok {
				m[k], ok = labels[name]
				if !ok {
					m[k] = ""
				}
			}
		case map[string]any:
			if err := naiveLabels(v, labels, depth+1); err != nil {
				return err
			}
		case []any:
			for _, e := range v {
				if e, ok := e.(map[string]any); ok {
					if err := naiveLabels(e, labels, depth+1); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func naiveRender(text string, context map[string]any, out any) error {
	t, err := template.New("values").Delims("${", "}").Option("missingkey=error").Funcs(sprig.TxtFuncMap()).Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, context); err != nil {
		return err
	}
	return yaml.Unmarshal([]byte(b.String()), out)
}

func TestContentIsThatOfTheNaiveImplementation(t *testing.T) {
	t.Parallel()
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	failures, templated := 0, 0
	for i := range rounds {
		if *round >= 0 && i != *round {
			continue
		}
		replay := fmt.Sprintf("replay with -seed=%d -round=%d", *seed, i)
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		options := randomOptions(r)
		v := versionWith(*options.DeepCopy())
		contents := map[string]*derive.Content{}
		for n := range 4 {
			c := randomCluster(r, n)
			want, err := naive(*floats(t, options), c)
			content := v.Content(plain, nil, c)
			if err != nil {
				failures++
				require.NotEmpty(t, content.Failure, "%s: %v\n%s", replay, err, shown(t, options))
				continue
			}
			if strings.Contains(content.Failure, "two keys of one map are both written") {
				continue // sigs.k8s.io/yaml keeps a random one of them
			}
			require.Empty(t, content.Failure, "%s\n%s", replay, shown(t, options))
			require.Equal(t, shown(t, want), shown(t, content.Options), "%s\n%s", replay, shown(t, options))
			require.Equal(t, derive.DeploymentID("s-m", &want), content.DeploymentID, replay)
			if v.PerCluster(plain) {
				templated++
				continue
			}
			key := fmt.Sprint(derive.HasTemplateLabels(c.Labels))
			if other, ok := contents[key]; ok {
				require.Same(t, other, content, "%s: it does not depend on the Cluster", replay)
			}
			contents[key] = content
		}
	}
	if *round < 0 {
		require.Greater(t, failures, rounds/20, "the test has to reach failures")
		require.Greater(t, templated, rounds/20, "the test has to reach templates")
	}
}

// floats passes options through JSON, as Fleet does.
func floats(t testing.TB, options *v1alpha1.BundleDeploymentOptions) *v1alpha1.BundleDeploymentOptions {
	t.Helper()
	out := options.DeepCopy()
	if out.Helm != nil && out.Helm.Values != nil {
		var data map[string]any
		require.NoError(t, json.Unmarshal([]byte(shown(t, out.Helm.Values)), &data))
		out.Helm.Values.Data = data
	}
	return out
}

// texts could be changed by templates or by YAML.
var texts = []string{
	"", "x", "true", "yes", "no", "null", "~", "5", "5.0", "0x1F", "1e3", "1_000", "12:30:45", "2026-01-02", ".inf", "-", "- a", "a: b", "{a}", "[", "&a", "*a", "!!x",
	"<<", "#c", "a #c", " a ", "a\nb", "a\n", "\n", "\ta", "'", "\"", "\\", "%", "@", "`", "|", ">", "ü", "\u2028", "\u0085", "\x01", "\U0001F600", "{{ .x }}", "$x", "$ {", "}",
	"global.fleet.clusterLabels.env", "global.fleet.clusterLabels.nope", "global.fleet.clusterLabels.", "xglobal.fleet.clusterLabels.env",
	"${ .ClusterName }", "${ .ClusterLabels.env }", "a-${ .ClusterNamespace }-b", "${ .ClusterValues.port }", "${ get .ClusterLabels \"env\" | default \"d\" | quote }",
	"${ toJson .ClusterValues }", "${ keys (dict \"a\" 1) }", "${ eq 1 1 }", "${ 5 }", "${ \"a: b\" }", "${/* c */}", "${ range .ClusterValues.list }${ . },${ end }", "${ .ClusterAnnotations.note }",
	"${ if", "${ nope }", "${ .ClusterLabels.missing }",
}

// randomText prefers harmless texts: one bad text breaks a whole Bundle.
func randomText(r *rand.Rand) string {
	if r.IntN(3) > 0 {
		return texts[r.IntN(len(texts)-20)]
	}
	if r.IntN(12) > 0 {
		return texts[r.IntN(len(texts)-3)]
	}
	return texts[r.IntN(len(texts))]
}

func randomValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case n < 4 || depth > 4:
		return randomText(r)
	case n == 4:
		return []any{nil, true, false}[r.IntN(3)]
	case n == 5:
		return []any{int64(3), int64(-1), int64(1) << 60, 1.5, 1e21, 1e-9, float64(1 << 53), 0.0, 100000000.0}[r.IntN(9)]
	case n < 8:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = randomValue(r, depth+1)
		}
		return list
	}
	return randomMap(r, depth+1)
}

func randomMap(r *rand.Rand, depth int) map[string]any {
	m := map[string]any{}
	for range r.IntN(4) {
		m[randomText(r)] = randomValue(r, depth)
	}
	return m
}

func randomOptions(r *rand.Rand) *v1alpha1.BundleDeploymentOptions {
	o := &v1alpha1.BundleDeploymentOptions{TargetNamespace: randomText(r)}
	if r.IntN(10) == 0 {
		return o
	}
	o.Helm = &v1alpha1.HelmOptions{DisablePreProcess: r.IntN(8) == 0}
	if r.IntN(5) > 0 {
		o.Helm.Values = &v1alpha1.GenericMap{Data: randomMap(r, 0)}
	}
	if r.IntN(3) == 0 {
		o.Helm.TemplateValues = map[string]string{}
		for range r.IntN(3) {
			o.Helm.TemplateValues[randomText(r)] = randomText(r)
		}
	}
	return o
}

func randomCluster(r *rand.Rand, n int) *v1alpha1.Cluster {
	c := labelled()
	c.Name = fmt.Sprint("c", n)
	pool := []string{"env", "fleet.cattle.io/x", "management.cattle.io/y", "some.cattle.io/z", "kubectl.kubernetes.io/w", "kubernetes.io/arch", "a.cattle.io"}
	c.Labels = map[string]string{}
	for _, key := range pool {
		if r.IntN(3) == 0 {
			c.Labels[key] = []string{"prod", "5", "true", ""}[r.IntN(4)]
		}
	}
	if r.IntN(2) == 0 {
		c.Labels["env"] = "prod" // most templates need it
	}
	if r.IntN(4) == 0 {
		c.Spec.TemplateValues = nil
	}
	return c
}

// The oracle is a loop over the simple rows of S 3.1.
func TestManyCustomizationsMergeInOrder(t *testing.T) {
	t.Parallel()
	for i := range 300 {
		replay := fmt.Sprintf("replay with -seed=%d, round %d", *seed, i)
		r := rand.New(rand.NewPCG(*seed, uint64(i)))
		s := v1alpha1.BundleSpec{TargetCustomizationMode: v1alpha1.TargetCustomizationAllMatches}
		var wantNamespace string
		wantOverlays := []string{}
		var custom []int
		keep := false
		add := func(applies bool) {
			target := v1alpha1.BundleTarget{}
			target.TargetNamespace = []string{"", "a", "b", "c"}[r.IntN(4)]
			target.KeepResources = r.IntN(5) == 0
			target.YAML = &v1alpha1.YAMLOptions{Overlays: slices.Repeat([]string{fmt.Sprint(len(s.Targets))}, r.IntN(3))}
			s.Targets = append(s.Targets, target)
			if !applies {
				return
			}
			if target.TargetNamespace != "" {
				wantNamespace = target.TargetNamespace
			}
			keep = keep || target.KeepResources
			wantOverlays = append(wantOverlays, target.YAML.Overlays...)
		}
		add(true) // the plain target
		for range r.IntN(5) {
			applies := r.IntN(2) == 0
			if applies {
				custom = append(custom, len(s.Targets))
			}
			add(applies)
		}
		options := derive.NewVersion(bundleOf(s), facts()).Content(match(0, custom...), nil, unlabelled()).Options
		require.Equal(t, wantNamespace, options.TargetNamespace, replay)
		require.Equal(t, keep, options.KeepResources, replay)
		require.Equal(t, wantOverlays, append([]string{}, options.YAML.Overlays...), replay)
	}
}
