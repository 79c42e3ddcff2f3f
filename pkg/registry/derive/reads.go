// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"reflect"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// Part is one of the maps in which templates find a Cluster's data.
type Part string

// The parts have the names that templates use. A Cluster's name and namespace, which
// templates also see, never change.
const (
	Labels      Part = "ClusterLabels"
	Annotations Part = "ClusterAnnotations"
	Values      Part = "ClusterValues"
)

var parts = []Part{Labels, Annotations, Values}

// Read is something that templates can look at in a Cluster: the value under one key of a
// part, or the whole part.
type Read struct {
	Part  Part
	Key   string
	Whole bool
}

// Edited returns the reads that can distinguish two states of one Cluster. Templates that
// do none of these reads give the same result for both, or fail alike. It costs O(size of
// the Cluster).
func Edited(was, is *v1alpha1.Cluster) []Read {
	same := func(a, b string) bool { return a == b }
	out := edited(nil, Labels, was.Labels, is.Labels, isShown, same)
	out = edited(out, Annotations, was.Annotations, is.Annotations, func(key string) bool { return !isForeign(key) }, same)
	return edited(out, Values, templateValues(was), templateValues(is), func(string) bool { return true },
		func(a, b any) bool { return reflect.DeepEqual(a, b) })
}

func edited[V any](out []Read, part Part, was, is map[string]V, shown func(string) bool, same func(a, b V) bool) []Read {
	before := len(out)
	for key, a := range was {
		if b, ok := is[key]; (!ok || !same(a, b)) && shown(key) {
			out = append(out, Read{Part: part, Key: key})
		}
	}
	for key := range is {
		if _, ok := was[key]; !ok && shown(key) {
			out = append(out, Read{Part: part, Key: key})
		}
	}
	if len(out) > before {
		out = append(out, Read{Part: part, Whole: true})
	}
	return out
}

// maxReads bounds how many reads of a version are kept apart.
const maxReads = 64

// Reads returns what the version's templates can look at in a Cluster, for all matches that
// have occurred. Content of such a match is the same for two states of a Cluster if no read
// distinguishes them, and both have labels or neither has (HasTemplateLabels). Later
// matches may append to the list; what is in it stays. The list is short: beyond maxReads,
// it has whole parts only.
func (v *Version) Reads() []Read {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clip(v.mu.reads)
}

func (v *Version) note(p *plan) {
	var all []Read
	p.values.reads(func(r Read) { all = append(all, r) })
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, r := range all {
		if len(v.mu.reads) >= maxReads {
			r = Read{Part: r.Part, Whole: true}
		}
		if !slices.Contains(v.mu.reads, r) {
			v.mu.reads = append(v.mu.reads, r)
		}
	}
}

// reads calls note for each read of evaluate.
func (v *values) reads(note func(Read)) {
	if !v.perCluster() {
		return
	}
	if v.substitutes {
		// The nesting is not too deep: otherwise v.err would be set.
		_ = eachLabel(v.data, 0, func(label string) { note(Read{Part: Labels, Key: label}) })
	}
	switch {
	case v.templated && v.substitutes:
		// The text of the template is known only once the labels are in it.
		for _, part := range parts {
			note(Read{Part: part, Whole: true})
		}
	case v.templated:
		readsOf(v.source, note)
	}
	for _, t := range v.keyed {
		if t.template != nil {
			readsOf(t.template, note)
		}
	}
}

// readsOf calls note for each read of a template. All parts are maps on every Cluster.
func readsOf(t *sandbox.Template, note func(Read)) {
	for _, path := range t.Reads() {
		for _, part := range parts {
			switch {
			case len(path) == 0 || len(path) == 1 && path[0] == string(part):
				note(Read{Part: part, Whole: true})
			case path[0] == string(part):
				note(Read{Part: part, Key: path[1]})
			}
		}
	}
}

func templateValues(c *v1alpha1.Cluster) map[string]any {
	if c.Spec.TemplateValues == nil {
		return nil
	}
	return c.Spec.TemplateValues.Data
}
