// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"sync"
	"sync/atomic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// listing holds the explanations of the members that a roll-up listed last. A change of one
// member lists all of them anew. Without the listing, most of that work would be to decode
// their reports again.
type listing []explained

type explained struct {
	report *view.Report
	said   *reports.Explanation
}

// entries explains and returns the first members that are not ready.
func entries[M any](l *listing, r *summary.Ranked[M], from, to int, of func(M) summary.Deployment) []v1alpha1.NonReadyResource {
	members := r.Listed(from, to, summary.Entries)
	out := make([]v1alpha1.NonReadyResource, len(members))
	var next listing
	for i, m := range members {
		d := of(m)
		l.explain(&d, &next)
		out[i] = d.Entry()
	}
	*l = next
	return out
}

// explain adds the explanation in a BundleDeployment's report to the BundleDeployment and to
// the next listing.
func (l *listing) explain(d *summary.Deployment, next *listing) {
	report, ok := d.Report.(*view.Report)
	if !ok || !report.Digest().Explains {
		return
	}
	for _, e := range *l {
		if e.report == report {
			d.Explanation = e.said
		}
	}
	if d.Explanation == nil {
		d.Explanation = reports.Explain(report.Brief())
	}
	*next = append(*next, explained{report, d.Explanation})
}

// objectLists holds what reports say of deployed objects, by the digest of that part. The
// reports of all Clusters on one Bundle usually say the same. It is safe for concurrent use.
type objectLists struct {
	sync.RWMutex
	known map[[16]byte]*v1alpha1.BundleDeploymentStatus
	// objects is the total number of listed objects.
	objects int
	// looked counts the BundleDeployments whose objects were listed for a status.
	looked atomic.Int64
	// large holds a token for each reader that lists the objects of many BundleDeployments.
	large chan struct{}
}

// mostObjects is how many objects the kept lists may have in total: some megabytes.
const mostObjects = 1 << 15

// largeLists is how many long lists of objects are made at a time. One may take 100 MB.
const largeLists = 2

func newObjectLists() *objectLists {
	return &objectLists{known: map[[16]byte]*v1alpha1.BundleDeploymentStatus{}, large: make(chan struct{}, largeLists)}
}

// of returns what a report says of objects. The other fields may come from another report.
func (l *objectLists) of(r *view.Report) *v1alpha1.BundleDeploymentStatus {
	digest := r.Digest().Objects
	l.RLock()
	status := l.known[digest]
	l.RUnlock()
	if status != nil {
		return status
	}
	status = objectsIn(r.Brief())
	objects := len(status.Resources) + len(status.NonReadyStatus) + len(status.ModifiedStatus)
	l.Lock()
	defer l.Unlock()
	if l.objects += objects; l.objects > mostObjects {
		clear(l.known)
		l.objects = objects
	}
	l.known[digest] = status
	return status
}

// objectsIn returns a status that has only the objects that roll-ups list.
func objectsIn(s *v1alpha1.BundleDeploymentStatus) *v1alpha1.BundleDeploymentStatus {
	said := reports.Explain(s)
	return &v1alpha1.BundleDeploymentStatus{
		Resources: reports.Listed(s), NonReadyStatus: said.NonReadyStatus, ModifiedStatus: said.ModifiedStatus, IncompleteState: reports.Incomplete(s),
	}
}
