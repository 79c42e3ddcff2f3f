// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fleets makes the fleets that scenarios measure, and writes them directly into
// etcd, as the records that the API server would write: a million BundleDeployments are
// 10,100 objects and take a second or two.
//
// The objects lack managedFields, which only requests leave. Reports have the managedFields
// of one that a request made. Every Bundle has one small manifest of its own.
package fleets

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Namespace is the namespace of all Clusters and Bundles.
const Namespace = "fleet-default"

// Waiting is the Bundle that is on no Cluster until one has the label Key=Value.
const (
	Waiting = "waits-for-foo"
	Key     = "foo"
	Value   = "bar"
)

// Fleet holds objects, and the number of BundleDeployments that follow from them.
type Fleet struct {
	Name        string
	Objects     iter.Seq[record.APIObject]
	Deployments int
	// Bundles counts those on all Clusters.
	Bundles, Clusters int
	// Templated is the number of templated Bundles on each Cluster.
	Templated int
}

// ClusterName, BundleName and GroupName return the name of the i-th object.
func ClusterName(i int) string { return fmt.Sprintf("cluster-%05d", i) }

// BundleName is described with ClusterName.
func BundleName(i int) string { return fmt.Sprintf("bundle-%06d", i) }

// Original returns the fleet of the report that Muster was made for: all Bundles of some
// GitRepos on all of few Clusters, and one that waits.
func Original(gitRepos, perRepo, clusters int) Fleet {
	bundles := gitRepos * perRepo
	return Fleet{
		Name: shape(bundles+1, clusters), Deployments: bundles * clusters, Clusters: clusters,
		Objects: func(yield func(record.APIObject) bool) {
			for i := range gitRepos {
				repo := &v1alpha1.GitRepo{ObjectMeta: meta("GitRepo", fmt.Sprintf("repo-%03d", i), nil)}
				repo.Spec.Repo = "https://git.example.com/" + repo.Name
				repo.Spec.Targets = []v1alpha1.GitTarget{{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
				if !yield(repo) {
					return
				}
			}
			send(yield, clusters, cluster, bundles, func(i int) *v1alpha1.Bundle {
				b := bundle(i, where(metav1.LabelSelector{}))
				b.Labels = map[string]string{"fleet.cattle.io/repo-name": fmt.Sprintf("repo-%03d", i/perRepo), "fleet.cattle.io/commit": "0123456789abcdef0123456789abcdef01234567"}
				return b
			})
		},
	}
}

// All returns bundles on clusters, all on all by a label, and one Bundle that waits. Each
// every-th Bundle is templated with a label of the Cluster; with 0 none is.
func All(bundles, clusters, every int) Fleet {
	templated := 0
	if every > 0 {
		templated = (bundles + every - 1) / every
	}
	return Fleet{
		Name: shape(bundles, clusters), Deployments: bundles * clusters, Bundles: bundles, Clusters: clusters, Templated: templated,
		Objects: func(yield func(record.APIObject) bool) {
			send(yield, clusters, cluster, bundles, func(i int) *v1alpha1.Bundle {
				b := bundle(i, labelled("env", "prod"))
				if every > 0 && i%every == 0 {
					b.Spec.Helm.Values.Data["region"] = "${ .ClusterLabels.region }"
				}
				return b
			})
		},
	}
}

// InRing is the Bundle of a Ringed fleet that is on one of Rings Clusters.
const (
	InRing = "in-one-ring"
	Rings  = 10
)

// Ringed returns All without templates, and the Bundle InRing on every Rings-th Cluster,
// from the first on.
func Ringed(bundles, clusters int) Fleet {
	all := All(bundles, clusters, 0)
	all.Deployments += (clusters + Rings - 1) / Rings
	all.Objects = func(yield func(record.APIObject) bool) {
		ring := bundle(bundles, labelled("ring", "0"))
		ring.Name, ring.UID = InRing, uid("Bundle", InRing)
		if !yield(ring) {
			return
		}
		send(yield, clusters, func(i int) *v1alpha1.Cluster {
			return Cluster(i, map[string]string{"ring": fmt.Sprint(i % Rings)})
		}, bundles, func(i int) *v1alpha1.Bundle {
			return bundle(i, labelled("env", "prod"))
		})
	}
	return all
}

// Many returns All and so many Bundles more that wait for the same label.
func Many(bundles, clusters, waiting int) Fleet {
	all := All(bundles, clusters, 0)
	objects := all.Objects
	all.Objects = func(yield func(record.APIObject) bool) {
		for i := range waiting {
			if !yield(bundle(bundles+i, labelled(Key, Value))) {
				return
			}
		}
		objects(yield)
	}
	return all
}

// LabelPatch returns a merge patch that sets a label, or removes it if the value is empty.
func LabelPatch(key, value string) string {
	text := "null"
	if value != "" {
		text = strconv.Quote(value)
	}
	return fmt.Sprintf(`{"metadata":{"labels":{%q:%s}}}`, key, text)
}

// BundlePatch returns the i-th merge patch of a Bundle that changes its BundleDeployments.
func BundlePatch(i int) string {
	return fmt.Sprintf(`{"spec":{"helm":{"values":{"value0":"edit-%d"}}}}`, i)
}

// Group is a ClusterGroup that has no members as long as its label is not Key=Value.
const Group = "everybody"

// Grouped returns bundles on a ClusterGroup whose selector matches nothing yet, and would
// match all clusters.
func Grouped(bundles, clusters int) Fleet {
	return Fleet{
		Name: shape(bundles, clusters), Clusters: clusters,
		Objects: func(yield func(record.APIObject) bool) {
			g := &v1alpha1.ClusterGroup{ObjectMeta: meta("ClusterGroup", Group, nil)}
			g.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"env": "nowhere"}}
			if yield(g) {
				send(yield, clusters, cluster, bundles, func(i int) *v1alpha1.Bundle {
					return bundle(i, v1alpha1.BundleTarget{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterGroup: Group}})
				})
			}
		},
	}
}

// Excluding returns bundles that each exclude the Clusters of one slot and require nothing
// else, so an index cannot file them under a label that a Cluster must have. All clusters
// begin in a slot that no Bundle excludes.
func Excluding(bundles, clusters int) Fleet {
	return Fleet{
		Name: shape(bundles, clusters), Deployments: bundles * clusters, Clusters: clusters,
		Objects: func(yield func(record.APIObject) bool) {
			send(yield, clusters, cluster, bundles, func(i int) *v1alpha1.Bundle {
				return bundle(i, where(metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "slot", Operator: metav1.LabelSelectorOpNotIn, Values: []string{fmt.Sprint(i)}},
				}}))
			})
		},
	}
}

func send(yield func(record.APIObject) bool, clusters int, cluster func(int) *v1alpha1.Cluster, bundles int, bundleAt func(int) *v1alpha1.Bundle) {
	for i := range clusters {
		if !yield(cluster(i)) {
			return
		}
	}
	for i := range bundles {
		if !yield(bundleAt(i)) {
			return
		}
	}
	waiting := bundle(bundles, labelled(Key, Value))
	waiting.Name, waiting.UID = Waiting, uid("Bundle", Waiting)
	yield(waiting)
}

// Regions is the number of values of the label that templates use; the i-th Cluster has the
// value i modulo Regions.
const Regions = 7

func cluster(i int) *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: meta("Cluster", ClusterName(i), map[string]string{
		"env": "prod", "region": fmt.Sprintf("region-%d", i%Regions), "slot": "none", "tier": fmt.Sprint(i % 3), "provider": "k3s",
	})}
}

func labelled(key, value string) v1alpha1.BundleTarget {
	return where(metav1.LabelSelector{MatchLabels: map[string]string{key: value}})
}

func where(selector metav1.LabelSelector) v1alpha1.BundleTarget {
	return v1alpha1.BundleTarget{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &selector}}
}

// bundle returns a Bundle with a manifest and ten values.
func bundle(i int, target v1alpha1.BundleTarget) *v1alpha1.Bundle {
	b := &v1alpha1.Bundle{ObjectMeta: meta("Bundle", BundleName(i), nil)}
	values := map[string]any{}
	for n := range 10 {
		values[fmt.Sprintf("value%d", n)] = fmt.Sprintf("%s-%d", b.Name, n)
	}
	b.Spec.DefaultNamespace = b.Name
	b.Spec.Helm = &v1alpha1.HelmOptions{ReleaseName: b.Name, Values: &v1alpha1.GenericMap{Data: values}}
	b.Spec.Resources = []v1alpha1.BundleResource{{
		Name: "configmap.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + b.Name + "\ndata:\n  key: value\n",
	}}
	b.Spec.Targets = []v1alpha1.BundleTarget{target}
	b.Spec.TargetRestrictions = []v1alpha1.BundleTargetRestriction{{Name: target.Name, ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: target.ClusterSelector, ClusterGroup: target.ClusterGroup}}}
	return b
}

func meta(kind, name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: Namespace, Name: name, Labels: labels, Generation: 1, UID: uid(kind, name), CreationTimestamp: metav1.NewTime(made)}
}

var made = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func uid(kind, name string) types.UID {
	sum := sha256.Sum256([]byte(kind + "/" + name))
	return types.UID(fmt.Sprintf("%x-%x-4%x-8%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])[:36])
}

func shape(bundles, clusters int) string {
	return fmt.Sprintf("%d Bundles × %d Clusters", bundles, clusters)
}
