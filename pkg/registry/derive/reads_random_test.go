// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// TestStatesThatNoReadDistinguishesGiveTheSame generates random templates and random edits of a
// Cluster. If the content or the failure differs, some read must have distinguished the
// states.
func TestStatesThatNoReadDistinguishesGiveTheSame(t *testing.T) {
	t.Parallel()
	rounds := 5_000
	if testing.Short() {
		rounds = 1_000
	}
	seen := map[string]int{}
	for i := range rounds {
		if *round >= 0 && i != *round {
			continue
		}
		w := &writer{Rand: rand.New(rand.NewPCG(*seed, uint64(i)))}
		options := v1alpha1.BundleDeploymentOptions{Helm: w.helm()}
		v := versionWith(options)
		was := w.cluster()
		before := v.Content(plain, nil, was)
		for range 4 {
			is := w.edited(was)
			after := v.Content(plain, nil, is)
			same := shown(t, before.Options) == shown(t, after.Options) && before.Failure == after.Failure
			switch unaffected := unaffected(v, was, is); {
			case unaffected && !same:
				require.Fail(t, "not affected, and not the same", "replay with -seed=%d -round=%d\nhelm %s\nreads %q\nwas %s\nis %s\nit was %s%s\nand is %s%s", *seed, i, shown(t, options.Helm), readsOf(v),
					shown(t, was), shown(t, is), before.Failure, shown(t, before.Options), after.Failure, shown(t, after.Options))
			case unaffected && len(v.Reads()) == 0:
				seen["nothing is read"]++
			case unaffected:
				seen["something else is read"]++
			case same:
				seen["the same all the same"]++
			case before.Failure != "" && after.Failure != "":
				seen["another failure"]++
			case before.Failure != "" || after.Failure != "":
				seen["a failure comes or goes"]++
			default:
				seen["another content"]++
			}
		}
	}
	t.Log(seen)
	if *round < 0 {
		for _, what := range []string{"nothing is read", "something else is read", "the same all the same", "another failure", "a failure comes or goes", "another content"} {
			require.Greater(t, seen[what], rounds/200, what)
		}
	}
}

// writer generates Clusters, and templates over their data.
type writer struct {
	*rand.Rand
	depth int
	// defined are the templates that a text defines, at its end.
	defined string
}

func (w *writer) oneOf(texts ...string) string { return texts[w.IntN(len(texts))] }

func (w *writer) oneIn(n int) bool { return w.IntN(n) == 0 }

var (
	someParts = []string{"ClusterLabels", "ClusterLabels", "ClusterAnnotations", "ClusterValues"}
	someKeys  = map[string][]string{
		"ClusterLabels":      {"env", "tier", "a.b/c", "fleet.cattle.io/shown", "some.cattle.io/hidden"},
		"ClusterAnnotations": {"note", "x.y/z", "fleet.cattle.io/hidden"},
		"ClusterValues":      {"v", "m", "l"},
	}
)

// cluster returns a Cluster with most of what a Cluster can have.
func (w *writer) cluster() *v1alpha1.Cluster {
	c := cluster(map[string]string{})
	c.Annotations, c.Spec.TemplateValues = map[string]string{}, &v1alpha1.GenericMap{Data: map[string]any{}}
	for range 60 {
		w.edit(c)
	}
	return c
}

// edited returns a Cluster that differs in a few places or in none.
func (w *writer) edited(c *v1alpha1.Cluster) *v1alpha1.Cluster {
	c = c.DeepCopy()
	for range 1 + w.IntN(2) {
		w.edit(c)
	}
	return c
}

func (w *writer) edit(c *v1alpha1.Cluster) {
	part := w.oneOf(someParts...)
	key, data := w.oneOf(someKeys[part]...), c.Spec.TemplateValues.Data
	text := w.oneOf("", "x", "y", "env", "note", "${ .ClusterAnnotations.note }")
	switch {
	case w.oneIn(10):
		delete(c.Labels, key)
		delete(c.Annotations, key)
		delete(data, key)
	case part == "ClusterLabels":
		c.Labels[key] = text
	case part == "ClusterAnnotations":
		c.Annotations[key] = text
	case w.oneIn(8):
		data[key] = text
	case key == "m":
		data[key] = map[string]any{"k": text, "o": float64(w.IntN(2))}
	case key == "l":
		data[key] = []any{text, float64(w.IntN(2))}
	default:
		data[key] = text
	}
}

// helm mixes plain values, values that stand for labels, and templates.
func (w *writer) helm() *v1alpha1.HelmOptions {
	helm := &v1alpha1.HelmOptions{}
	data := map[string]any{}
	standsFor := func() string { return "global.fleet.clusterLabels." + w.oneOf(someKeys["ClusterLabels"]...) }
	switch w.IntN(10) {
	case 0:
	case 1:
		data["a"] = standsFor()
	case 2:
		data["a"] = []any{map[string]any{"in": standsFor()}, "plain"}
	case 3:
		data["a"], data["b"] = standsFor(), w.text()
	case 4:
		// The text of a label becomes an argument, or an action inside one.
		data["a"], data["b"], data["c"] = "${ print `", standsFor(), "` }"+w.text()
	case 5:
		data["a"], data["b"] = w.text(), []any{w.text()}
	default:
		data["a"] = w.text()
	}
	if len(data) > 0 {
		helm.Values = &v1alpha1.GenericMap{Data: data}
	}
	for _, key := range []string{"t", "u"} {
		if w.oneIn(4) {
			if helm.TemplateValues == nil {
				helm.TemplateValues = map[string]string{}
			}
			helm.TemplateValues[key] = w.text()
		}
	}
	helm.DisablePreProcess = w.oneIn(40)
	return helm
}

// text returns one or two statements.
func (w *writer) text() string {
	w.defined = ""
	text := w.statement()
	if w.oneIn(3) {
		text += w.statement()
	}
	return text + w.defined
}

func (w *writer) statement() string {
	w.depth++
	defer func() { w.depth-- }()
	n := w.IntN(20)
	if w.depth > 2 {
		n = 20
	}
	name := fmt.Sprint("t", len(w.defined))
	switch n {
	case 0, 1:
		return fmt.Sprintf("${ if %s }%s${ else }%s${ end }", w.value(), w.statement(), w.statement())
	case 2, 3:
		return fmt.Sprintf("${ with %s }%s${ . }${ else with %s }%s${ else }%s${ end }", w.value(), w.statement(), w.value(), w.statement(), w.statement())
	case 4:
		return fmt.Sprintf("${ range $k, $v := %s }${ $k }%s${ $v }${ else }%s${ end }", w.oneOf(".ClusterValues.l", "$.ClusterValues.m", w.mapping(w.part())), w.statement(), w.statement())
	case 5:
		return fmt.Sprintf("${ $x := %s }${ if true }${ $x = %s }${ end }${ $x }", w.value(), w.value())
	case 6:
		part := w.part()
		return fmt.Sprintf("${ $x := %s }${ $x.%s }${ get $x %q }", w.mapping(part), w.oneOf("env", "note", "v"), w.key(part))
	case 7:
		part := w.part()
		return fmt.Sprintf("${ $_ := set %s %q (%s) }", w.mapping(part), w.key(part), w.value()) + w.statement()
	case 8:
		return fmt.Sprintf("${ $_ := %s %s %s }", w.oneOf("merge", "mergeOverwrite"), w.mapping(w.part()), w.mapping(w.part())) + w.statement()
	case 9:
		w.defined += fmt.Sprintf("${ define %q }${ . }${ end }", name)
		return fmt.Sprintf("${ template %q (%s) }", name, w.value())
	case 10:
		w.defined += fmt.Sprintf("${ define %q }${ %s }${ end }", name, w.value())
		return fmt.Sprintf("${ template %q %s }", name, w.oneOf(".", "$"))
	case 11:
		part := w.part()
		w.defined += fmt.Sprintf("${ define %q }${ get . %q }${ $.%s }${ end }", name, w.key(part), w.oneOf("env", "note", "v"))
		return fmt.Sprintf("${ template %q %s }", name, w.mapping(part))
	}
	return "${ " + w.value() + " }"
}

func (w *writer) part() string { return w.oneOf(someParts...) }

// mapping returns an expression for a part, and seldom for something else.
func (w *writer) mapping(part string) string {
	switch w.IntN(24) {
	case 0:
		return w.oneOf(".", "$", "$.ClusterValues.m", "(dict `env` .)")
	case 1, 2:
		return "(index . `" + part + "`)"
	case 3, 4:
		return "(get $ `" + part + "`)"
	case 5, 6:
		return "(." + part + ")"
	case 7, 8, 9, 10:
		return "." + part
	}
	return "$." + part
}

func (w *writer) key(part string) string {
	if w.oneIn(12) {
		return w.oneOf("k", "env", "ClusterLabels")
	}
	return w.oneOf(someKeys[part]...)
}

// value returns an expression for a value in a map, or for the result of functions on it.
func (w *writer) value() string {
	w.depth++
	defer func() { w.depth-- }()
	part := w.part()
	m, key := w.mapping(part), w.key(part)
	if w.depth <= 3 && w.oneIn(4) {
		one, other := "("+w.value()+")", "("+w.value()+")"
		switch w.IntN(8) {
		case 0:
			return "and " + one + " " + other
		case 1:
			return "or " + one + " " + other
		case 2:
			return "default " + one + " " + other
		case 3:
			return "coalesce " + one + " " + other
		case 4:
			return "list " + one + " " + other + " | toJson"
		case 5:
			return fmt.Sprintf("dict %q %s %s", key, one, other)
		case 6:
			return fmt.Sprintf("dig %q %s %s", key, one, m)
		}
		return "ternary " + one + " " + other + " (hasKey " + m + " `" + key + "`)"
	}
	switch w.IntN(20) {
	case 0:
		return fmt.Sprintf("index %s %q", m, key)
	case 1:
		return fmt.Sprintf("get %s %q", m, key)
	case 2:
		return fmt.Sprintf("%q | get %s", key, m)
	case 3:
		return fmt.Sprintf("dig %q `none` %s", key, m)
	case 4:
		return fmt.Sprintf("%s | dig %q `none`", m, key)
	case 5:
		return fmt.Sprintf("hasKey %s %q", m, key)
	case 6:
		return fmt.Sprintf("pluck %q %s %s", key, m, w.mapping(w.part()))
	case 7:
		return w.oneOf("len ", "toJson ", "keys ", "values ", "empty ", "kindOf ", "deepCopy ") + m
	case 8:
		return ".ClusterName"
	case 9:
		return "randAlphaNum 3"
	case 10:
		return fmt.Sprintf("printf `%%v-%%v` (%s).%s (get %s %q)", m, w.oneOf("env", "v"), m, key)
	case 11:
		return w.oneOf(fmt.Sprintf("fail (get %s %q)", m, key), fmt.Sprintf("print `no failure of ` (get %s %q)", m, key))
	case 12:
		return "(first $.ClusterValues.l) | print"
	case 13:
		return "$.ClusterAnnotations.note | quote | upper"
	case 14:
		return w.oneOf("$.ClusterValues.m.k", "dig `m` `k` `none` $.ClusterValues", "index $.ClusterValues `m` `o`", "index $.ClusterValues.l 1")
	case 15:
		return fmt.Sprintf("%s %s $.%s", w.oneOf("index", "get"), m, w.oneOf("ClusterValues.v", "ClusterAnnotations.note"))
	}
	return w.oneOf(".", "$.", "$.", "$.") + w.oneOf("ClusterLabels.env", "ClusterLabels.tier | quote", "ClusterAnnotations.note", "ClusterValues.v")
}
