// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// benchmarkSpec has n customizations, and n targets with as many restrictions. Only the
// last ones match.
func benchmarkSpec(n int, restricted bool) *v1alpha1.BundleSpec {
	env := func(i int) criteria {
		return criteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": fmt.Sprint(i)}}}
	}
	spec := &v1alpha1.BundleSpec{}
	for i := range n {
		if restricted {
			spec.Targets = append(spec.Targets, target(env(i), false))
			spec.TargetRestrictions = append(spec.TargetRestrictions, restriction(env(i)))
		}
	}
	for i := range n {
		spec.Targets = append(spec.Targets, target(env(i), false))
	}
	return spec
}

func BenchmarkResolve(b *testing.B) {
	for _, n := range []int{1, 10, 100} {
		for _, regime := range []string{"plain", "restricted", "no-match"} {
			b.Run(fmt.Sprintf("regime=%s/n=%d", regime, n), func(b *testing.B) {
				compiled, err := Compile(benchmarkSpec(n, regime == "restricted"))
				require.NoError(b, err)
				c := Cluster{Name: "c", Labels: map[string]string{"env": fmt.Sprint(n - 1)}, Groups: members}
				if regime == "no-match" {
					c.Labels = nil
				}
				b.ReportAllocs()
				for b.Loop() {
					_, ok := compiled.Resolve(c)
					if ok == (regime == "no-match") {
						b.Fatal("wrong answer")
					}
				}
			})
		}
	}
}

func BenchmarkAugment(b *testing.B) {
	c := Cluster{Name: "c", Namespace: "ns", Labels: map[string]string{"env": "prod", "zone": "a", "tier": "1"}, Groups: members}
	b.ReportAllocs()
	for b.Loop() {
		if len(Augment(c)) != 7 {
			b.Fatal("wrong answer")
		}
	}
}
