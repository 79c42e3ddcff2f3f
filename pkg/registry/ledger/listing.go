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

// listing is what the members that a roll-up listed last say. With each change of one of
// them all are listed anew, and to decode their reports again would be most of it.
type listing []explained

type explained struct {
	report *view.Report
	said   *reports.Explanation
}

// entries explain the first members that are not ready, and list them.
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

// explain adds to a BundleDeployment what its report says, and to the next listing.
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

// objectLists are what reports say of deployed objects, by the digest of that: the
// reports of all Clusters on one Bundle mostly say the same. It is safe for concurrent
// use.
type objectLists struct {
	sync.RWMutex
	known map[[16]byte]*v1alpha1.BundleDeploymentStatus
	// objects is how many are listed in all.
	objects int
	// looked counts the BundleDeployments of which objects were listed for a status.
	looked atomic.Int64
	// large holds one for each reader that lists the objects of many BundleDeployments.
	large chan struct{}
}

// mostObjects is how many objects lists may have that are kept: some megabytes.
const mostObjects = 1 << 15

// largeLists is how many long lists of objects are made at once. One may take 100 MB.
const largeLists = 2

func newObjectLists() *objectLists {
	return &objectLists{known: map[[16]byte]*v1alpha1.BundleDeploymentStatus{}, large: make(chan struct{}, largeLists)}
}

// of is what a report says of objects, nil if there is none. Of anything else it may be
// another report's.
func (l *objectLists) of(r *view.Report) *v1alpha1.BundleDeploymentStatus {
	if r == nil {
		return nil
	}
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

// objectsIn is a status with nothing but its objects, as far as roll-ups list them.
func objectsIn(s *v1alpha1.BundleDeploymentStatus) *v1alpha1.BundleDeploymentStatus {
	said := reports.Explain(s)
	return &v1alpha1.BundleDeploymentStatus{
		Resources: reports.Listed(s), NonReadyStatus: said.NonReadyStatus, ModifiedStatus: said.ModifiedStatus, IncompleteState: reports.Incomplete(s),
	}
}
