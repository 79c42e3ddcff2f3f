// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// hiddenReports are the reports that no BundleDeployment shows, by name. They are the unused
// ones and, while a revision is applied, those that it brought. A report that is shown is
// found through its BundleDeployment: with a million reports, a table of the names would take
// more memory than the reports.
//
// While a revision is applied, nil stands for a deleted report.
type hiddenReports struct {
	byName map[record.Name]*view.Report
	// most is the largest size that the map has had.
	most int
}

func newHiddenReports() hiddenReports { return hiddenReports{byName: map[record.Name]*view.Report{}} }

// reportOf returns the report that is stored for a name, nil if none is. have is the
// BundleDeployment with that name, or nil.
func (s *State) reportOf(name record.Name, have *view.BundleDeployment) *view.Report {
	if r, ok := s.hidden.byName[name]; ok {
		return r
	}
	if have != nil {
		return have.Report
	}
	return nil
}

// usedReport returns the report that is stored for a claim's name, if it is on the claim's
// BundleDeployment and not on an earlier one with that name; nil otherwise.
func (s *State) usedReport(c claim, name record.Name, have *view.BundleDeployment) *view.Report {
	if r := s.reportOf(name, have); r != nil && r.On(c.identity()) {
		return r
	}
	return nil
}

func (h *hiddenReports) put(name record.Name, r *view.Report) {
	h.byName[name] = r
	h.most = max(h.most, len(h.byName))
}

// moved notes which report is shown when one BundleDeployment replaces another one with its
// name. One of the two may be nil.
func (h *hiddenReports) moved(have, next *view.BundleDeployment) {
	var was, is *view.Report
	if have != nil {
		was = have.Report
	}
	if next != nil {
		is = next.Report
	}
	if was == is {
		return
	}
	name := cmp.Or(next, have).Name()
	_, newer := h.byName[name]
	switch {
	case is != nil:
		delete(h.byName, name)
	case !newer:
		h.put(name, was)
	}
}

// settled forgets which reports were deleted, and frees the memory that a load took.
func (h *hiddenReports) settled(reported map[record.Name]struct{}) {
	for name := range reported {
		if r, ok := h.byName[name]; ok && r == nil {
			delete(h.byName, name)
		}
	}
	if h.most < 1024 || h.most < 4*len(h.byName) {
		return
	}
	smaller := make(map[record.Name]*view.Report, len(h.byName))
	maps.Copy(smaller, h.byName)
	h.byName, h.most = smaller, len(smaller)
}

func (w *work) takeBundleDeploymentReport(r *etcd.Record) error {
	name := r.Key.Name
	w.reported[name] = struct{}{}
	if r.Value == nil {
		w.hidden.put(name, nil)
		return nil
	}
	made := w.decoded(r)
	if made.err != nil {
		return made.err // the last report remains
	}
	w.hidden.put(name, made.deployment)
	return nil
}

// publishReport shows a report on the BundleDeployment that it is about.
func (w *work) publishReport(name record.Name) {
	have := w.deployment(name)
	if have == nil {
		return
	}
	next := *have
	next.At, next.Report, next.Downstream = view.VersionAt(w.at), nil, w.downstreamOf(have)
	if r := w.reportOf(name, have); r != nil && r.On(derive.Identity(have.Bundle.Bundle.UID, have.Cluster.Cluster.UID)) {
		next.Report = r
	}
	if !have.Same(&next) {
		w.put(have, &next)
	}
}
