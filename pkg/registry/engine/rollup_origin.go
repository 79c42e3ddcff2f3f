// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// originKey names the GitRepo or HelmOp that a Bundle comes of, by its labels. The
// zero key is none.
type originKey struct {
	resource string
	name     record.Name
}

// originOf tells where a Bundle comes of. One that two claim is the GitRepo's, as
// it is in a Cluster's counts (S 7.4).
func originOf(namespace string, labels map[string]string) originKey {
	if name := labels[v1alpha1.LabelRepoName]; name != "" {
		return originKey{record.GitRepos, record.Name{Namespace: namespace, Name: name}}
	}
	if name := labels[v1alpha1.LabelHelmOpName]; name != "" {
		return originKey{record.HelmOps, record.Name{Namespace: namespace, Name: name}}
	}
	return originKey{}
}

func originOfDeployment(d *view.BundleDeployment) originKey {
	if d == nil {
		return originKey{}
	}
	return originOf(d.Bundle.Bundle.Namespace, d.Bundle.Bundle.Labels)
}

// origin is what a GitRepo or HelmOp rolls up. It is known by the labels of
// Bundles, whether there is an object of its name or not.
type origin struct {
	// exists tells that there is an object.
	exists bool
	// shown are its BundleDeployments, by Bundle, then Cluster.
	shown *summary.Ranked[*view.BundleDeployment]
	// listed are those of them that are not ready, and worst is the first of those in
	// the worst state.
	listed, worst listing
	// first are the entries of listed, as they were shown last.
	first []v1alpha1.NonReadyResource
	// clusters are those that it deploys to, by name; ready are those of them on
	// which all its BundleDeployments are Ready.
	clusters *btree.BTreeG[presence]
	ready    int
	// reported are the BundleDeployments that tell of deployed objects, by Cluster,
	// then Bundle.
	reported *btree.BTreeG[*view.BundleDeployment]
	// unready are the Bundles whose Ready condition is False.
	unready *btree.BTreeG[*bundle]
	// details are what reported and clusters show; nil if that has changed since.
	details *details
	// objects are what is told of deployed objects.
	objects *objectLists
}

// presence is an origin on a Cluster.
type presence struct {
	cluster *v1alpha1.Cluster // the face: name and namespace
	// shown counts the BundleDeployments, ready those that are Ready.
	shown, ready int32
	// resources is nil if all are zero.
	resources *v1alpha1.ResourceCounts
}

// originDegree is of the B-trees that views keep; see view.table.
const originDegree = 8

func compareClusters(a, b *v1alpha1.Cluster) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func compareBundles(a, b *v1alpha1.Bundle) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func newOrigin(objects *objectLists) *origin {
	byBundle := func(a, b *view.BundleDeployment) int {
		return cmp.Or(
			compareBundles(a.Bundle.Bundle, b.Bundle.Bundle),
			cmp.Compare(a.Cluster.Cluster.Name, b.Cluster.Cluster.Name),
			cmp.Compare(a.Cluster.Cluster.Namespace, b.Cluster.Cluster.Namespace),
		)
	}
	byCluster := func(a, b *view.BundleDeployment) bool {
		return cmp.Or(compareClusters(a.Cluster.Cluster, b.Cluster.Cluster), compareBundles(a.Bundle.Bundle, b.Bundle.Bundle)) < 0
	}
	return &origin{
		objects:  objects,
		shown:    summary.NewRanked(byBundle, weighStored),
		clusters: btree.NewG(originDegree, func(a, b presence) bool { return compareClusters(a.cluster, b.cluster) < 0 }),
		reported: btree.NewG(originDegree, byCluster),
		unready:  btree.NewG(originDegree, func(a, b *bundle) bool { return a.name.Compare(b.name) < 0 }),
	}
}

// origin returns what is rolled up for a key, making room for it if needed.
func (s *state) origin(key originKey) *origin {
	o := s.origins[key]
	if o == nil {
		o = newOrigin(s.objects)
		s.origins[key] = o
	}
	return o
}

// rollOriginOf tells a Bundle's origin whether the Bundle is ready: a Ready
// condition that is False becomes the GitRepo's (S 7.6).
func (w *work) rollOriginOf(b *bundle) {
	key := originOf(b.name.Namespace, b.newest.bundle.Labels)
	unready := key.resource == record.GitRepos && b.roll.ready.Status == "False"
	if b.roll.unready && (!unready || key != b.roll.origin) {
		w.leaveOrigin(b)
	}
	if unready {
		w.origin(key).unready.ReplaceOrInsert(b)
		b.roll.origin, b.roll.unready = key, true
		w.rolled.origins[key] = struct{}{}
	}
}

// leaveOrigin takes a Bundle out of those that are not ready.
func (w *work) leaveOrigin(b *bundle) {
	if b.roll.unready {
		b.roll.unready = false
		w.origin(b.roll.origin).unready.Delete(b)
		w.rolled.origins[b.roll.origin] = struct{}{}
	}
}

// noteOrigin takes over that a GitRepo or HelmOp is there, or is not: Clusters
// count those that are.
func (w *work) noteOrigin(key originKey) {
	w.rolled.origins[key] = struct{}{}
	exists := w.object(key.resource, key.name) != nil
	o := w.origin(key)
	if o.exists == exists {
		return
	}
	sign := 1
	if !exists {
		sign = -1
	}
	o.exists = exists
	o.clusters.Ascend(func(p presence) bool {
		w.count(key, p, sign)
		return true
	})
}

// count adds an origin to what a Cluster counts, or takes it off.
func (w *work) count(key originKey, p presence, sign int) {
	c := w.state.clusters[record.Name{Namespace: p.cluster.Namespace, Name: p.cluster.Name}]
	if c == nil || c.object.UID != p.cluster.UID {
		return
	}
	counts := &c.gitRepos
	if key.resource == record.HelmOps {
		counts = &c.helmOps
	}
	if p.shown > 0 {
		counts.Desired += sign
	}
	if p.ready > 0 {
		counts.Ready += sign
	}
	w.rolled.clusters[c] = struct{}{}
}

// rollOrigin shows on a GitRepo or HelmOp what follows from its BundleDeployments.
func (w *work) rollOrigin(key originKey) {
	o, object := w.origins[key], w.object(key.resource, key.name)
	if object == nil {
		if o.shown.Len() == 0 && o.unready.Len() == 0 {
			delete(w.origins, key)
		}
		return
	}
	var status view.Status
	if repo, ok := object.Record.Object.(*v1alpha1.GitRepo); !ok || w.speaks(o, repo) {
		status = o.status(key)
	}
	if next := object.With(view.Derived{Status: status}, view.VersionAt(w.at)); next != object {
		w.builder.Put(key.resource, next)
	} else if shown, ok := object.Derived.Status.(*view.OriginStatus); ok {
		o.details = shown.Details.(*details) // what is new about others does not show
	}
}

// speaks tells whether a GitRepo has a roll-up. One that may not do what it says has
// none before something comes of it (S 7.6): that it is ready, with 0/0, would be
// said of nothing. Fleet leaves the last roll-up of one that comes to be forbidden
// as it was; here it goes on, as what it has deployed does.
func (s *state) speaks(o *origin, repo *v1alpha1.GitRepo) bool {
	if repo.Spec.Repo == "" {
		return false
	}
	return o.shown.Len() > 0 || o.unready.Len() > 0 || s.peek(repo.Namespace).repos.Allow(&repo.Spec)
}

func (o *origin) status(key originKey) *view.OriginStatus {
	sum := o.shown.All()
	repo := summary.Repo{
		Sum:      sum,
		First:    entries(&o.listed, o.shown, 0, everyone, stored),
		Clusters: summary.Readiness{Ready: o.ready, Desired: o.clusters.Len()},
	}
	if summary.SameEntries(repo.First, o.first) {
		repo.First = o.first
	}
	o.first = repo.First
	worst := sum.Worst()
	for _, d := range o.shown.First(0, everyone, 1, func(w summary.Weight) bool { return w.In(worst) > 0 }) {
		worst := stored(d)
		var now listing
		o.worst.explain(&worst, &now)
		o.worst, repo.Worst = now, worst.Message()
	}
	if o.details == nil {
		o.details = &details{o.clusters.Clone(), o.reported.Clone(), o.objects}
	}
	out := &view.OriginStatus{Details: o.details}
	if key.resource == record.HelmOps {
		var status v1alpha1.HelmOpStatus
		summary.HelmOpStatus(&status, repo)
		out.StatusBase = status.StatusBase
		return out
	}
	status := v1alpha1.GitRepoStatus{GitJobStatus: "Current"}
	var failing *v1alpha1.GenericCondition
	if b, ok := o.unready.Min(); ok {
		failing = &b.roll.ready
	}
	summary.GitRepoStatus(&status, repo, failing)
	out.StatusBase = status.StatusBase
	return out
}
