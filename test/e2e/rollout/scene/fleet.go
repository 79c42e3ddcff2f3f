// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Ring is a partition of the roll-out, with the number of Clusters that have its label at
// first.
type Ring struct {
	Name string
	Size int
}

// Rings are the partitions, in order.
var Rings = []Ring{{"canary", 50}, {"early", 150}, {"late", 300}}

const (
	// Clusters is the number of Clusters in all rings.
	Clusters = 500
	// Percent of each ring, and of all, may be unavailable.
	Percent = 10
	// Namespace is the namespace of all of them.
	Namespace = "fleet"
)

// Bundle is the Bundle that is rolled out.
var Bundle = record.Name{Namespace: Namespace, Name: "app"}

// These labels decide what a Cluster gets.
const (
	// RingLabel decides when: it names a ring.
	RingLabel = "ring"
	// TierLabel decides the form: "gold", or none.
	TierLabel = "tier"
	// AppLabel decides whether at all: "none" keeps the Bundle away.
	AppLabel = "app"
)

// ClusterName returns the name of a Cluster.
func ClusterName(number int) string { return fmt.Sprintf("c%03d", number) }

// RingAt returns the ring that a Cluster has at first.
func RingAt(number int) string {
	for _, r := range Rings {
		if number < r.Size {
			return r.Name
		}
		number -= r.Size
	}
	panic(fmt.Sprintf("Cluster %d does not exist", number))
}

// Strategy returns a strategy with the rings one after the other, and 10 % of each and of
// all.
func Strategy() *v1alpha1.RolloutStrategy {
	tenth := intstr.FromString(strconv.Itoa(Percent) + "%")
	out := &v1alpha1.RolloutStrategy{MaxUnavailable: &tenth}
	for _, r := range Rings {
		out.Partitions = append(out.Partitions, v1alpha1.Partition{
			Name: r.Name, ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{MatchLabels: map[string]string{RingLabel: r.Name}}},
		})
	}
	return out
}

// Targets returns targets for all Clusters except those that labels exclude. Some get a
// form of their own.
func Targets() []v1alpha1.BundleTarget {
	where := func(key, value string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
	}
	return []v1alpha1.BundleTarget{
		{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: where(AppLabel, "none")}, DoNotDeploy: true},
		{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: where(TierLabel, "gold")}, BundleDeploymentOptions: v1alpha1.BundleDeploymentOptions{ServiceAccount: "gold"}},
		{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}},
	}
}

// SetVersion gives a Bundle a version, which its default namespace names. A retry of a
// write that was committed without an answer changes nothing.
func SetVersion(b *v1alpha1.Bundle, version int) {
	b.Spec.DefaultNamespace = strconv.Itoa(version)
	b.Spec.Resources = []v1alpha1.BundleResource{{Name: "configmap.yaml", Content: "version: " + strconv.Itoa(version)}}
}

// Version returns the version of options.
func Version(options *v1alpha1.BundleDeploymentOptions) (int, error) {
	version, err := strconv.Atoi(options.DefaultNamespace)
	if err != nil {
		return 0, fmt.Errorf("options without a version: %w", err)
	}
	return version, nil
}
