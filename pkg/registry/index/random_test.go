// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// universe is small, so that random selectors and label sets often match. It has an empty
// value, because that differs from an absent key.
var universe = struct{ keys, values []string }{
	keys:   []string{"a", "b", "c", "example.com/d"},
	values: []string{"", "x", "y", "z"},
}

func randomLabels(r *rand.Rand) map[string]string {
	if r.IntN(20) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, k := range universe.keys {
		if r.IntN(5) < 3 {
			out[k] = pick(r, universe.values)
		}
	}
	return out
}

// editLabels changes one or two keys, or all of them.
func editLabels(r *rand.Rand, in map[string]string) map[string]string {
	if r.IntN(4) == 0 {
		return randomLabels(r)
	}
	out := map[string]string{}
	maps.Copy(out, in)
	for range 1 + r.IntN(2) {
		k := pick(r, universe.keys)
		if r.IntN(3) == 0 {
			delete(out, k)
		} else {
			out[k] = pick(r, universe.values)
		}
	}
	return out
}

func randomSelector(r *rand.Rand) *metav1.LabelSelector {
	out := &metav1.LabelSelector{}
	for range r.IntN(3) {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]string{}
		}
		out.MatchLabels[pick(r, universe.keys)] = pick(r, universe.values)
	}
	for range r.IntN(4) {
		expr := metav1.LabelSelectorRequirement{
			Key: pick(r, universe.keys),
			Operator: pick(r, []metav1.LabelSelectorOperator{
				metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn,
				metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist,
			}),
		}
		if expr.Operator == metav1.LabelSelectorOpIn || expr.Operator == metav1.LabelSelectorOpNotIn {
			for range 1 + r.IntN(3) {
				expr.Values = append(expr.Values, pick(r, universe.values))
			}
		}
		out.MatchExpressions = append(out.MatchExpressions, expr)
	}
	return out
}

func upstream(t testing.TB, in *metav1.LabelSelector) labels.Selector {
	t.Helper()
	out, err := metav1.LabelSelectorAsSelector(in)
	require.NoError(t, err)
	return out
}

func compile(t testing.TB, in *metav1.LabelSelector) Selector {
	t.Helper()
	out, err := Compile(in)
	require.NoError(t, err)
	return out
}

// parse compiles kubectl's selector syntax.
func parse(t testing.TB, in string) Selector {
	t.Helper()
	api, err := metav1.ParseToLabelSelector(in)
	require.NoError(t, err)
	return compile(t, api)
}

// once collects a sequence and fails if an id occurs twice.
func once[ID comparable](t testing.TB, seq iter.Seq[ID]) map[ID]bool {
	t.Helper()
	out := map[ID]bool{}
	for id := range seq {
		if out[id] {
			require.Fail(t, "yielded twice", "id %v", id)
		}
		out[id] = true
	}
	return out
}

// verify checks the invariants: every entry leads to a place that leads back, nothing empty
// is kept, and sections lie in order.
func (ps postings) verify(placesOf func(slot uint32) []place) (entries int, err error) {
	for name, k := range ps {
		if k.empty() || k.name != name {
			return 0, fmt.Errorf("key %q is kept empty or is named %q", name, k.name)
		}
		appearances := 0
		all := []*posting{}
		for v, p := range k.values {
			if p.value != v || p.presence {
				return 0, fmt.Errorf("%s=%q is labelled %q", name, v, p.value)
			}
			appearances += len(p.entries)
			all = append(all, p)
		}
		if appearances != k.appearances {
			return 0, fmt.Errorf("key %q counts %d appearances instead of %d", name, k.appearances, appearances)
		}
		if k.present != nil {
			all = append(all, k.present)
		}
		for _, p := range all {
			entries += len(p.entries)
			if err := p.verify(placesOf); err != nil {
				return 0, err
			}
		}
	}
	return entries, nil
}

func (p *posting) verify(placesOf func(slot uint32) []place) error {
	if len(p.entries) == 0 || p.ends[filed] > p.ends[loose] || int(p.ends[loose]) > len(p.entries) {
		return fmt.Errorf("posting %q has %d entries and ends %v", p.value, len(p.entries), p.ends)
	}
	for at, e := range p.entries {
		if got := placesOf(e.slot)[e.place]; got != (place{posting: p, at: uint32(at)}) {
			return fmt.Errorf("posting %q entry %d leads to a place that leads to %d", p.value, at, got.at)
		}
	}
	return nil
}

func (x *Selectors[ID]) verify() error {
	entries, err := x.postings.verify(func(slot uint32) []place { return x.filings[slot].places })
	if err != nil {
		return err
	}
	want, ids := 0, 0
	for _, f := range x.filings {
		want += f.selector.mentions()
		ids += len(f.ids)
	}
	if want != entries || ids != len(x.ids) {
		return fmt.Errorf("%d entries for %d mentions, %d ids for %d", entries, want, ids, len(x.ids))
	}
	return nil
}

// visits returns the number of entries that Matching looks at.
func (x *Selectors[ID]) visits(labels map[string]string) int {
	n := 0
	for p := range x.reached(labels) {
		n += len(p.filed())
	}
	return n
}

func (x *Items[ID]) verify() error {
	entries, err := x.postings.verify(func(slot uint32) []place { return x.items[slot].places })
	if err != nil {
		return err
	}
	want := 0
	for _, it := range x.items {
		want += len(it.labels)
	}
	if want != entries {
		return fmt.Errorf("%d entries for %d labels", entries, want)
	}
	return nil
}
