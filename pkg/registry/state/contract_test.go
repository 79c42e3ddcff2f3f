// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"slices"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// kept checks the section "Failure" of pkg/registry/doc.go: it compares what the records mean
// before and after one planned write.
func (h *history) kept(p Proposal, before, after *answer) {
	h.reportsDeleted(p, before, after)
	h.outlives(p, before, after)
	h.holdersKeep(p, before, after)
	for name, now := range after.bundles {
		was := before.bundles[name]
		if was != nil && was.newest.bundle.UID != now.newest.bundle.UID {
			was = nil
		}
		switch {
		case was == nil || was.newest.bundle.Generation != now.newest.bundle.Generation:
			h.newVersion(name, was, now)
		default:
			h.sameVersion(p, name, was, now)
		}
	}
}

// newVersion checks that a new version which fails anywhere is pinned to what was in force,
// and that one which does not fail is in force.
func (h *history) newVersion(name record.Name, was, now *bundleAnswer) {
	if now.works {
		h.must(!now.pending, "the new version of %s works, and is not accepted", name)
		return
	}
	h.must(now.pending, "the new version of %s fails, and is accepted: %s", name, now.failure)
	if was == nil || was.inForce == nil {
		h.must(now.lastGood == nil, "%s had no version that worked, and has got one", name)
		return
	}
	h.must(now.lastGood != nil, "the version of %s that worked is lost", name)
	h.must(now.lastGood.bundle.Generation == was.inForce.bundle.Generation, "%s keeps version %d and should keep %d", name, now.lastGood.bundle.Generation, was.inForce.bundle.Generation)
	h.pairsKept(name, was, now)
}

// sameVersion checks that a version is accepted once, for good, as soon as it works; and that
// a version in force loses no Cluster that it still targets.
func (h *history) sameVersion(p Proposal, name record.Name, was, now *bundleAnswer) {
	switch {
	case !was.pending:
		h.must(!now.pending, "the newest version of %s was accepted, and is no more", name)
	case !now.works:
		h.must(now.pending, "the newest version of %s fails, and was accepted by a write of %s %s", name, p.Resource, p.Name)
	case !was.works:
		h.must(!now.pending, "the newest version of %s works after a write of %s %s, and is not accepted", name, p.Resource, p.Name)
	}
	h.pairsKept(name, was, now)
}

// pairsKept checks pairs that worked and that the same version still targets. Each has its
// present content or, if that fails, the content that it had.
func (h *history) pairsKept(name record.Name, was, now *bundleAnswer) {
	if was.inForce == nil || now.inForce == nil || was.inForce.bundle.Generation != now.inForce.bundle.Generation {
		return
	}
	for cluster, old := range was.pairs {
		pair, ok := now.pairs[cluster]
		if !ok || old.content == nil || pair.cluster.joined.UID != old.cluster.joined.UID {
			continue
		}
		h.must(pair.content != nil, "%s on %s worked and is gone: %s", name, cluster, pair.failure)
		if pair.failure != "" {
			h.must(pair.content.Equal(old.content), "%s on %s fails, and does not keep what it had", name, cluster)
		}
	}
}

// reportsDeleted checks that no report outlives its pair.
func (h *history) reportsDeleted(p Proposal, before, after *answer) {
	for key, s := range before.deployments {
		e, ok := h.j.records[record.ReportKey(record.BundleDeployments, key)]
		if !ok || h.report(record.BundleDeployments, e.value) != s.report {
			continue
		}
		name := record.Name{Namespace: s.version.bundle.Namespace, Name: s.version.bundle.Name}
		b := after.bundles[name]
		lives := b != nil && b.newest.bundle.UID == s.version.bundle.UID
		if lives {
			pair, ok := b.pairs[s.cluster.name]
			lives = ok && pair.content != nil && pair.cluster.joined.UID == s.cluster.joined.UID
		}
		h.must(lives, "the report on %s outlives it after a write of %s %s", key, p.Resource, p.Name)
	}
}

// holdersKeep checks that the claim that has a name keeps it as long as it wants it.
func (h *history) holdersKeep(p Proposal, before, after *answer) {
	for key, claims := range before.claims {
		now := after.claims[key]
		if slices.Contains(now, claims[0]) {
			h.must(now[0] == claims[0], "another claim took %s after a write of %s %s", key, p.Resource, p.Name)
		}
	}
}

// outlives checks that a report exists as long as its pair.
func (h *history) outlives(p Proposal, before, after *answer) {
	for key, s := range before.deployments {
		now, ok := after.deployments[key]
		if ok && s.report != nil && now.version.bundle.UID == s.version.bundle.UID && now.cluster.joined.UID == s.cluster.joined.UID {
			h.must(now.report == s.report, "the report on %s is gone after a write of %s %s", key, p.Resource, p.Name)
		}
	}
}
