// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// bombs are templates that must not harm anything except their own Bundle.
var bombs = map[string]string{
	"an endless loop":       `${ range untilStep 0 2000000000 1 }x${ end }`,
	"a large repetition":    `${ repeat 2000000000 "x" }`,
	"repetitions of those":  `${ $a := repeat 10000 "x" }${ $b := repeat 10000 $a }${ repeat 10000 $b }`,
	"a template that calls": `${ define "t" }${ template "t" . }${ end }${ template "t" . }`,
	"no template at all":    `${ if`,
	"an unknown function":   `${ env "HOME" }`,
	"a panic":               `${ index (list) 5 }`,
	"an expression of DoS":  `${ regexReplaceAll "(a+)+$" (repeat 100000 "a") "b" }`,
	"yaml that is invalid":  "${ \"\\n: : [\" }",
	"a large number":        `${ until 2000000000 }`,
}

func TestABundleThatExplodesHarmsOnlyItself(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1", "env", "prod"))
	createBundle(t, c, templated(ns, "good", "${ .ClusterLabels.env }"))
	i := 0
	for title, template := range bombs {
		i++
		bundle := templated(ns, name("bomb", i), template)
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := c.FleetV1alpha1().Bundles(ns).Create(t.Context(), bundle, metav1.CreateOptions{})
			require.Less(t, time.Since(began), 10*time.Second)
			if err != nil {
				requireRefusal(t, err)
				return
			}
			if f := failure(t, c, ns, bundle.Name); f != "" {
				require.Contains(t, f, "targeting error: ")
				require.Less(t, len(f), 10000)
			}
			// The other Bundles work, and fast.
			began = time.Now()
			require.Equal(t, "prod", value(t, get(t, s.resource(t, "bundledeployments", home(ns, "c1")), "good")))
			require.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

// requireRefusal checks that an error is the client's and says so.
func requireRefusal(t *testing.T, err error) {
	t.Helper()
	status, ok := err.(apierrors.APIStatus)
	require.True(t, ok, "%v", err)
	require.Contains(t, []int32{400, 413, 422}, status.Status().Code, "%v", err)
	require.NotEmpty(t, status.Status().Message)
}

func TestInvalidSelectorsAreRefusedOrReported(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createCluster(t, c, cluster(ns, "c1", "env", "prod"))
	createBundle(t, c, bundle(ns, "good"))
	requirement := func(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	i := 0
	for title, selector := range map[string]*metav1.LabelSelector{
		"an unknown operator":     requirement("env", "Like", "p*"),
		"in nothing":              requirement("env", metav1.LabelSelectorOpIn),
		"exists with values":      requirement("env", metav1.LabelSelectorOpExists, "x"),
		"a key that is invalid":   requirement("a b", metav1.LabelSelectorOpExists),
		"a value that is invalid": requirement("env", metav1.LabelSelectorOpIn, "ä"),
		"a key of many levels":    requirement("a/b/c", metav1.LabelSelectorOpExists),
		"a value that is too big": requirement("env", metav1.LabelSelectorOpIn, strings.Repeat("x", 64)),
	} {
		i++
		b := bundle(ns, name("bad", i))
		b.Spec.Targets[0].ClusterSelector = selector
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			if _, err := c.FleetV1alpha1().Bundles(ns).Create(t.Context(), b, metav1.CreateOptions{}); err != nil {
				requireRefusal(t, err)
			} else {
				require.Contains(t, failure(t, c, ns, b.Name), "targeting error: ")
			}
			_, err := c.FleetV1alpha1().BundleDeployments(home(ns, "c1")).Get(t.Context(), b.Name, metav1.GetOptions{})
			require.True(t, apierrors.IsNotFound(err), "%v", err)
			get(t, s.resource(t, "bundledeployments", home(ns, "c1")), "good")
			// A group with such a selector is empty, and harms no other object.
			g := &v1alpha1.ClusterGroup{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: b.Name}}
			g.Spec.Selector = selector
			if _, err := c.FleetV1alpha1().ClusterGroups(ns).Create(t.Context(), g, metav1.CreateOptions{}); err != nil {
				requireRefusal(t, err)
			}
		})
	}
}

func TestLargeAndLongThingsWork(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	long, longest := strings.Repeat("x", 63), strings.Repeat("y", 60)+"."+strings.Repeat("z", 2)
	createBundle(t, c, templated(ns, long, "${ .ClusterValues.text }", "env", "prod"))
	createBundle(t, c, templated(ns, longest, "${ .ClusterValues.text }", "env", "prod"))
	for i, name := range []string{long, longest} {
		cl := cluster(ns, name)
		cl.Spec.TemplateValues = &v1alpha1.GenericMap{Data: map[string]any{"text": fmt.Sprint("größe 🚢 日本 ", i)}}
		createCluster(t, c, cl)
		label(t, c, ns, name, "env", "prod")
		for _, bundle := range []string{long, longest} {
			d := get(t, s.resource(t, "bundledeployments", home(ns, name)), bundle)
			require.Equal(t, fmt.Sprint("größe 🚢 日本 ", i), value(t, d), "%s", failure(t, c, ns, bundle))
			require.LessOrEqual(t, len(d.GetNamespace()), 63)
		}
	}

	many := cluster(ns, "many")
	for i := range 10000 {
		many.Labels[fmt.Sprint("label-", i)] = fmt.Sprint(i)
	}
	createCluster(t, c, many)
	createBundle(t, c, templated(ns, "one-of-many", "v${ index .ClusterLabels \"label-9999\" }", "label-7777", "7777"))
	require.Equal(t, "v9999", value(t, get(t, s.resource(t, "bundledeployments", home(ns, "many")), "one-of-many")))
	for i := range 10 {
		label(t, c, ns, "many", "label-9999", fmt.Sprint(i))
		require.Equal(t, fmt.Sprint("v", i), value(t, get(t, s.resource(t, "bundledeployments", home(ns, "many")), "one-of-many")))
	}
}
