// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// worstFleet is the number of Clusters for the writes of worstWrites.
const worstFleet = 100

// selectorValues returns n values of a selector, of which the Clusters have the last one.
func selectorValues(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("v", i)
	}
	out[n-1] = "prod"
	return out
}

// targets returns n targets, each made from its number.
func targets(n int, of func(i int) v1alpha1.BundleTarget) *v1alpha1.Bundle {
	b := bundleOf("worst")
	for i := range n {
		b.Spec.Targets = append(b.Spec.Targets, of(i))
	}
	return b
}

// restricted makes all targets of a Bundle except the last one customizations.
func restricted(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	b.Spec.TargetCustomizationMode = v1alpha1.TargetCustomizationAllMatches
	b.Spec.TargetRestrictions = []v1alpha1.BundleTargetRestriction{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	b.Spec.Targets = append(b.Spec.Targets, selectedBy(&metav1.LabelSelector{}))
	return b
}

func withValues(b *v1alpha1.Bundle, values map[string]any) *v1alpha1.Bundle {
	b.Spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: values}}
	return b
}

func manyValues(n int) map[string]any {
	out := map[string]any{}
	for i := range n {
		out[fmt.Sprint("k", i)] = map[string]any{"a": fmt.Sprint(i)}
	}
	return out
}

// worstWrites are the writes that cost most for their size.
var worstWrites = map[string]func() record.APIObject{
	"10,000 targets that match nothing": func() record.APIObject {
		return targets(10_000, func(i int) v1alpha1.BundleTarget { return where("env", fmt.Sprint(i)) })
	},
	"10,000 targets of NotIn that match nothing": func() record.APIObject {
		return targets(10_000, func(int) v1alpha1.BundleTarget {
			return selectedBy(selecting(metav1.LabelSelectorOpNotIn, "env", "prod"))
		})
	},
	"10,000 targets that all match": func() record.APIObject {
		return targets(10_000, func(int) v1alpha1.BundleTarget { return selectedBy(&metav1.LabelSelector{}) })
	},
	"1,000 customizations that all match": func() record.APIObject {
		return restricted(targets(1000, func(i int) v1alpha1.BundleTarget {
			t := selectedBy(&metav1.LabelSelector{})
			t.YAML = &v1alpha1.YAMLOptions{Overlays: []string{fmt.Sprint(i)}}
			return t
		}))
	},
	"5,000 customizations with values on large ones": func() record.APIObject {
		return withValues(restricted(targets(5000, func(i int) v1alpha1.BundleTarget {
			t := selectedBy(&metav1.LabelSelector{})
			t.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"k": fmt.Sprint(i)}}}
			return t
		})), manyValues(20_000))
	},
	"100 targets, each for one Cluster, with values on large ones": func() record.APIObject {
		return withValues(targets(worstFleet, func(i int) v1alpha1.BundleTarget {
			t := v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: fmt.Sprintf("cluster-%05d", i)}}
			t.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"k": fmt.Sprint(i)}}}
			return t
		}), manyValues(20_000))
	},
	"a selector with 100,000 values": func() record.APIObject {
		return bundleOf("worst", selectedBy(selecting(metav1.LabelSelectorOpIn, "env", selectorValues(100_000)...)))
	},
	"a selector of NotIn with 100,000 values": func() record.APIObject {
		return bundleOf("worst", selectedBy(selecting(metav1.LabelSelectorOpNotIn, "env", selectorValues(100_000)...)))
	},
	"a selector with 20,000 requirements": func() record.APIObject {
		s := &metav1.LabelSelector{}
		for i := range 20_000 {
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: fmt.Sprint("k", i), Operator: metav1.LabelSelectorOpDoesNotExist})
		}
		return bundleOf("worst", selectedBy(s))
	},
	"plain values of 100,000 entries": func() record.APIObject {
		return withValues(bundleOf("worst", where("env", "prod")), manyValues(50_000))
	},
	"the most expensive template that works": func() record.APIObject {
		b := bundleOf("worst", where("env", "prod"))
		b.Spec.Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{"k": "${ range 95000 }${ end }${ .ClusterName }"}}
		return b
	},
	"the most expensive template that fails": func() record.APIObject {
		b := bundleOf("worst", where("env", "prod"))
		b.Spec.Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{"k": "${ range 1000000 }${ end }${ .ClusterName }"}}
		return b
	},
	"1 MB of values beside a template": func() record.APIObject {
		return withValues(bundleOf("worst", where("env", "prod")),
			map[string]any{"v": "${ .ClusterName }", "text": strings.Repeat("words ", 170_000)})
	},
	"a Cluster with 20,000 labels": func() record.APIObject {
		c := clusterOf("cluster-00001", map[string]string{"env": "prod"})
		for i := range 20_000 {
			c.Labels[fmt.Sprint("k", i)] = "v"
		}
		return c
	},
	"a Cluster with template values of 100,000 entries": func() record.APIObject {
		c := clusterOf("cluster-00001", map[string]string{"env": "prod"})
		c.Spec.TemplateValues = &v1alpha1.GenericMap{Data: manyValues(50_000)}
		return c
	},
	"a group with a selector of 100,000 values": func() record.APIObject {
		g := groupOf("group", "env", "prod")
		g.Spec.Selector = selecting(metav1.LabelSelectorOpIn, "env", selectorValues(100_000)...)
		return g
	},
	"a group with 10,000 labels": func() record.APIObject {
		g := groupOf("group", "env", "prod")
		g.Labels = map[string]string{}
		for i := range 10_000 {
			g.Labels[fmt.Sprint("k", i)] = "v"
		}
		return g
	},
}

// BenchmarkWorstWrites plans and applies the most expensive writes that are accepted, on a
// small fleet. It reports their CPU time, in total and for each megabyte of the write.
func BenchmarkWorstWrites(b *testing.B) {
	for name, object := range worstWrites {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
			}
			j := newJournal()
			for i := range worstFleet {
				c := clusterOf(fmt.Sprintf("cluster-%05d", i), map[string]string{"env": "prod", "number": fmt.Sprint(i)})
				if !j.commit(nil, j.write(b, proposed(c, false))) {
					b.Fatal("a guard does not hold")
				}
			}
			p := proposed(object(), false)
			data, err := p.Object.Encode()
			if err != nil {
				b.Fatal(err)
			}
			begun := processorTime(b)
			txn := j.write(b, p)
			planned := processorTime(b)
			j.commit(nil, txn)
			applied := processorTime(b)
			size := float64(len(data)) / 1e6
			b.ReportMetric(size, "MB")
			b.ReportMetric(float64(planned-begun)/1e6, "plan-ms")
			b.ReportMetric(float64(applied-planned)/1e6, "apply-ms")
			b.ReportMetric(float64(applied-planned)/1e6/size, "apply-ms/MB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func processorTime(tb testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
