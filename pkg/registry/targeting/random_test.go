// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"maps"
	"math/rand/v2"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// criteria are what the tests of this package write most often.
type criteria = v1alpha1.ClusterCriteria

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func oneIn(r *rand.Rand, n int) bool { return r.IntN(n) == 0 }

func randomSelector(r *rand.Rand) *metav1.LabelSelector {
	out := &metav1.LabelSelector{}
	if oneIn(r, 2) {
		out.MatchLabels = map[string]string{pick(r, "env", "tier"): pick(r, "", "x", "y")}
	}
	for range r.IntN(3) {
		expr := metav1.LabelSelectorRequirement{
			Key:      pick(r, "env", "tier"),
			Operator: pick[metav1.LabelSelectorOperator](r, "In", "NotIn", "Exists", "DoesNotExist"),
		}
		if expr.Operator == "In" || expr.Operator == "NotIn" {
			expr.Values = []string{pick(r, "", "x", "y"), pick(r, "x", "z")}
		}
		out.MatchExpressions = append(out.MatchExpressions, expr)
	}
	return out
}

func randomCriteria(r *rand.Rand) criteria {
	if oneIn(r, 4) {
		return criteria{ClusterSelector: &metav1.LabelSelector{}}
	}
	var out criteria
	if oneIn(r, 4) {
		out.ClusterName = pick(r, "n1", "n2", "shown")
	}
	if oneIn(r, 3) {
		out.ClusterSelector = randomSelector(r)
	}
	if oneIn(r, 3) {
		out.ClusterGroup = pick(r, "g1", "g2", "g3")
	}
	if oneIn(r, 3) {
		out.ClusterGroupSelector = randomSelector(r)
	}
	return out
}

func target(c criteria, doNotDeploy bool) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{ClusterCriteria: c, DoNotDeploy: doNotDeploy}
}

func restriction(c criteria) v1alpha1.BundleTargetRestriction {
	return v1alpha1.BundleTargetRestriction{ClusterCriteria: c}
}

func randomSpec(r *rand.Rand) *v1alpha1.BundleSpec {
	spec := &v1alpha1.BundleSpec{TargetCustomizationMode: pick[v1alpha1.TargetCustomizationMode](r, "FirstMatch", "AllMatches", "", "Other")}
	for range r.IntN(7) {
		spec.Targets = append(spec.Targets, target(randomCriteria(r), oneIn(r, 6)))
	}
	for range pick(r, 0, 1, 1, 2, 4) {
		spec.TargetRestrictions = append(spec.TargetRestrictions, restriction(randomCriteria(r)))
	}
	return spec
}

func randomLabels(r *rand.Rand) map[string]string {
	if oneIn(r, 8) {
		return nil
	}
	out := map[string]string{}
	for _, key := range []string{"env", "tier"} {
		if !oneIn(r, 3) {
			out[key] = pick(r, "", "x", "y", "z")
		}
	}
	return out
}

func randomCluster(r *rand.Rand) Cluster {
	c := Cluster{Name: pick(r, "n1", "n2", "n3"), Namespace: "ns", Labels: randomLabels(r)}
	if oneIn(r, 3) && c.Labels != nil {
		c.Labels[v1alpha1.LabelClusterDisplayName] = pick(r, "shown", "n2", "")
	}
	for _, name := range []string{"g1", "g2", "g3", "g4"} {
		if oneIn(r, 3) {
			c.Groups = append(c.Groups, Group{Name: name, Labels: randomLabels(r)})
		}
	}
	r.Shuffle(len(c.Groups), func(i, j int) { c.Groups[i], c.Groups[j] = c.Groups[j], c.Groups[i] })
	return c
}

// edited returns another state of the same Cluster: labels, groups or groups' labels have
// changed, or several of them.
func edited(r *rand.Rand, c Cluster) Cluster {
	other := randomCluster(r)
	out := Cluster{Name: c.Name, Namespace: c.Namespace, Labels: c.Labels, Groups: slices.Clone(c.Groups)}
	for range 1 + r.IntN(2) {
		switch r.IntN(4) {
		case 0:
			out.Labels = maps.Clone(other.Labels)
		case 1:
			out.Groups = other.Groups
		case 2:
			if len(out.Groups) > 0 {
				out.Groups[r.IntN(len(out.Groups))].Labels = randomLabels(r)
			}
		case 3:
			if len(out.Groups) > 0 {
				out.Groups = out.Groups[1:]
			}
		}
	}
	return out
}
