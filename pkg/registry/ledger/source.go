// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"

	"github.com/google/btree"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// sourceKey names the GitRepo or HelmOp from which a Bundle comes, by its labels. The zero
// key stands for none.
type sourceKey struct {
	resource string
	name     record.Name
}

// sourceOf returns the source of a Bundle. If labels name both a GitRepo and a HelmOp, it is
// the GitRepo, as in a Cluster's counts (S 7.4).
func sourceOf(namespace string, labels map[string]string) sourceKey {
	if name := labels[v1alpha1.LabelRepoName]; name != "" {
		return sourceKey{record.GitRepos, record.Name{Namespace: namespace, Name: name}}
	}
	if name := labels[v1alpha1.LabelHelmOpName]; name != "" {
		return sourceKey{record.HelmOps, record.Name{Namespace: namespace, Name: name}}
	}
	return sourceKey{}
}

func sourceOfDeployment(d *view.BundleDeployment) sourceKey {
	if d == nil {
		return sourceKey{}
	}
	return sourceOf(d.Bundle.Bundle.Namespace, d.Bundle.Bundle.Labels)
}

// Source is the roll-up of a GitRepo or HelmOp. It follows from the labels of Bundles,
// whether an object with its name exists or not.
type Source struct {
	exists bool // whether the object does
	// shown are its BundleDeployments, by Bundle, then Cluster.
	shown *summary.Ranked[*view.BundleDeployment]
	// listed are those of shown that are not ready. worst is the first of those in the worst
	// state.
	listed, worst listing
	// first are the entries of listed that were shown last.
	first []v1alpha1.NonReadyResource
	// clusters are the Clusters to which it deploys, by name. ready is the number of those on
	// which all its BundleDeployments are Ready.
	clusters *btree.BTreeG[presence]
	ready    int
	// reported are the BundleDeployments whose reports list deployed objects, by Cluster,
	// then Bundle.
	reported *btree.BTreeG[*view.BundleDeployment]
	// unready are the Bundles whose Ready condition is False.
	unready *btree.BTreeG[*Bundle]
	// details are what reported and clusters show, nil if that has changed since.
	details *details
	objects *objectLists
}

// presence is the part of a source on one Cluster.
type presence struct {
	cluster *v1alpha1.Cluster // the face: name and namespace
	// shown counts the BundleDeployments. ready counts those that are Ready.
	shown, ready int32
	// resources is nil if all are zero.
	resources *v1alpha1.ResourceCounts
}

// sourceDegree is the degree of the B-trees that views keep; see view.table.
const sourceDegree = 8

func compareClusters(a, b *v1alpha1.Cluster) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func compareBundles(a, b *v1alpha1.Bundle) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

func newSource(objects *objectLists) *Source {
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
	return &Source{
		objects:  objects,
		shown:    summary.NewRanked(byBundle, weighStored),
		clusters: btree.NewG(sourceDegree, func(a, b presence) bool { return compareClusters(a.cluster, b.cluster) < 0 }),
		reported: btree.NewG(sourceDegree, byCluster),
		unready:  btree.NewG(sourceDegree, func(a, b *Bundle) bool { return a.name.Compare(b.name) < 0 }),
	}
}

// source returns the roll-up of a key. It creates one if none exists.
func (l *Ledger) source(key sourceKey) *Source {
	o := l.sources[key]
	if o == nil {
		o = newSource(l.objects)
		l.sources[key] = o
	}
	return o
}

// Written notes that a GitRepo or HelmOp was written or deleted. It ignores other resources.
func (l *Ledger) Written(resource string, name record.Name) {
	if resource == record.GitRepos || resource == record.HelmOps {
		l.changed.written[sourceKey{resource, name}] = struct{}{}
	}
}

// Recheck notes that the rules for a GitRepo have changed.
func (l *Ledger) Recheck(gitRepo record.Name) {
	l.changed.sources[sourceKey{record.GitRepos, gitRepo}] = struct{}{}
}

// closeSourceOf notes on a Bundle's source whether the Bundle is ready. A Ready condition
// that is False becomes the GitRepo's (S 7.6).
func (l *Ledger) closeSourceOf(b *Bundle) {
	key := sourceOf(b.name.Namespace, b.basis.Newest.Object.GetLabels())
	unready := key.resource == record.GitRepos && b.ready.Status == "False"
	if b.unready && (!unready || key != b.source) {
		l.leaveSource(b)
	}
	if unready {
		l.source(key).unready.ReplaceOrInsert(b)
		b.source, b.unready = key, true
		l.changed.sources[key] = struct{}{}
	}
}

// leaveSource removes a Bundle from those that are not ready.
func (l *Ledger) leaveSource(b *Bundle) {
	if b.unready {
		b.unready = false
		l.source(b.source).unready.Delete(b)
		l.changed.sources[b.source] = struct{}{}
	}
}

// noteSource notes whether a GitRepo or HelmOp exists. Clusters count only sources that
// exist.
func (l *Ledger) noteSource(key sourceKey) {
	l.changed.sources[key] = struct{}{}
	exists := l.builder.Object(key.resource, key.name) != nil
	o := l.source(key)
	if o.exists == exists {
		return
	}
	o.exists = exists
	sign := 1
	if !exists {
		sign = -1
	}
	o.clusters.Ascend(func(p presence) bool { l.count(key, p, sign); return true })
}

// count adds a source to the counts of a Cluster, or subtracts it.
func (l *Ledger) count(key sourceKey, p presence, sign int) {
	c := l.ofFace(p.cluster)
	if c == nil {
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
	l.changed.clusters[c] = struct{}{}
}

// closeSource brings the status of a GitRepo or HelmOp up to date with its BundleDeployments.
func (l *Ledger) closeSource(key sourceKey, at view.Version) {
	o, object := l.sources[key], l.builder.Object(key.resource, key.name)
	if object == nil {
		if o.shown.Len() == 0 && o.unready.Len() == 0 {
			delete(l.sources, key)
		}
		return
	}
	var status view.Status
	if repo, ok := object.Record.Object.(*v1alpha1.GitRepo); !ok || l.shows(o, repo) {
		status = o.status(key)
	}
	if next := object.With(view.Derived{Status: status}, at); next != object {
		l.builder.Put(key.resource, next)
	} else if shown, ok := object.Derived.Status.(*view.SourceStatus); ok {
		o.details = shown.Details.(*details) // nothing new in the new ones shows
	}
}

// shows reports whether a GitRepo has a roll-up. A GitRepo that the rules do not allow has
// none until a Bundle comes from it (S 7.6), because 0/0 is not ready. Fleet freezes the last
// roll-up of a GitRepo that becomes forbidden. Here it is kept up to date, like everything
// that the GitRepo has deployed.
func (l *Ledger) shows(o *Source, repo *v1alpha1.GitRepo) bool {
	if repo.Spec.Repo == "" {
		return false
	}
	return o.shown.Len() > 0 || o.unready.Len() > 0 || l.allowed(repo)
}

func (o *Source) status(key sourceKey) *view.SourceStatus {
	sum := o.shown.All()
	repo := summary.Source{
		Sum:      sum,
		First:    entries(&o.listed, o.shown, 0, allRanks, stored),
		Clusters: summary.Readiness{Ready: o.ready, Desired: o.clusters.Len()},
	}
	if summary.SameEntries(repo.First, o.first) {
		repo.First = o.first
	}
	o.first = repo.First
	worst := sum.Worst()
	for _, d := range o.shown.First(0, allRanks, 1, func(w summary.Weight) bool { return w.In(worst) > 0 }) {
		worst := stored(d)
		var now listing
		o.worst.explain(&worst, &now)
		o.worst, repo.Worst = now, worst.Message()
	}
	if o.details == nil {
		o.details = &details{o.clusters.Clone(), o.reported.Clone(), o.objects}
	}
	out := &view.SourceStatus{Details: o.details}
	if key.resource == record.HelmOps {
		var status v1alpha1.HelmOpStatus
		summary.HelmOpStatus(&status, repo)
		out.StatusBase = status.StatusBase
		return out
	}
	status := v1alpha1.GitRepoStatus{GitJobStatus: "Current"}
	var failing *v1alpha1.GenericCondition
	if b, ok := o.unready.Min(); ok {
		failing = &b.ready
	}
	summary.GitRepoStatus(&status, repo, failing)
	out.StatusBase = status.StatusBase
	return out
}
