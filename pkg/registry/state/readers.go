// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"iter"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// readers finds the versions whose templates can read a given part of a Cluster. It is the
// inverse of what each version knows about itself (derive.Version.Reads).
//
//	label env            ► {app 3, db 1}
//	all labels           ► {audit 2}
//	annotation note      ► {app 3}
//
// It holds each version with everything that it reads on any cluster, so it grows with
// versions and not with pairs. It is asked before the edit of a cluster is evaluated, for the
// versions that already have a pair on that cluster.
type readers map[derive.Read]map[*version]struct{}

// file adds the reads of a version that are not filed yet. A match that occurs for the first
// time may bring templates that no other match has.
func (r readers) file(v *version) {
	reads := v.derived.Reads()
	for _, read := range reads[v.filed:] {
		if r[read] == nil {
			r[read] = map[*version]struct{}{}
		}
		r[read][v] = struct{}{}
	}
	v.filed = len(reads)
}

// drop removes a version.
func (r readers) drop(v *version) {
	for _, read := range v.derived.Reads()[:v.filed] {
		if delete(r[read], v); len(r[read]) == 0 {
			delete(r, read)
		}
	}
	v.filed = 0
}

// among iterates over the given bundles that have a version which does a read. It costs O(the
// smaller of the two sets).
func (r readers) among(bundles map[*bundle]struct{}, read derive.Read) iter.Seq[*bundle] {
	reading := r[read]
	return func(yield func(*bundle) bool) {
		if len(reading) <= len(bundles) {
			for v := range reading {
				if _, ok := bundles[v.of]; ok && !yield(v.of) {
					return
				}
			}
			return
		}
		for b := range bundles {
			for _, v := range [...]*version{b.newest, b.fallback, b.base} {
				if _, ok := reading[v]; ok && !yield(b) {
					return
				}
			}
		}
	}
}

// fileReads files the reads of the versions that were evaluated, after the last evaluation.
func (w *work) fileReads() {
	for b := range w.before {
		if w.State.bundles[b.name] != b {
			continue
		}
		for _, v := range [...]*version{b.newest, b.fallback, b.base} {
			if v != nil {
				w.index.readers.file(v)
			}
		}
	}
}

// rereading iterates over the bundles whose content on a cluster can change because templates
// see something else of it. It costs O(what the cluster says) and what it finds. It may yield
// a bundle more than once.
func (s *State) rereading(c *cluster, was, is *v1alpha1.Cluster) iter.Seq[*bundle] {
	return func(yield func(*bundle) bool) {
		if derive.HasTemplateLabels(was.Labels) != derive.HasTemplateLabels(is.Labels) {
			for b := range c.pairs { // S 3.3 step 2
				if !yield(b) {
					return
				}
			}
			return
		}
		for _, read := range derive.Edited(was, is) {
			for b := range s.index.readers.among(c.perCluster, read) {
				if !yield(b) {
					return
				}
			}
		}
	}
}
