// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Selector is a conjunction of requirements. The zero Selector matches everything. A
// Selector is immutable and may be shared.
//
// It is normalised: requirements are sorted by key, and one key has either one In, or one
// DoesNotExist, or at most an Exists and a NotIn. A contradiction becomes a single In
// without values. So selectors that differ only in notation are equal, and a label set
// meets the key of a filed selector through at most one requirement.
type Selector struct {
	requirements []Requirement
}

// Compile turns an API selector into a Selector. It accepts, refuses and matches exactly
// what metav1.LabelSelectorAsSelector does: nil matches nothing, the empty selector
// everything. An error starts with the path of the wrong field below the selector. Which of
// several errors is returned does not depend on map order, because the text ends up in
// conditions.
func Compile(in *metav1.LabelSelector) (Selector, error) {
	if in == nil {
		return nothing(), nil
	}
	reqs := make([]Requirement, 0, len(in.MatchLabels)+len(in.MatchExpressions))
	for _, key := range slices.Sorted(maps.Keys(in.MatchLabels)) {
		values := []string{in.MatchLabels[key]}
		path := field.NewPath("matchLabels").Key(key)
		if err := validate(key, selection.Equals, values, path); err != nil {
			return Selector{}, err
		}
		reqs = append(reqs, Requirement{key: key, op: opIn, values: values})
	}
	for i, expr := range in.MatchExpressions {
		path := field.NewPath("matchExpressions").Index(i)
		op, upstream, err := parseOperator(expr.Operator, path)
		if err != nil {
			return Selector{}, err
		}
		if err := validate(expr.Key, upstream, expr.Values, path); err != nil {
			return Selector{}, err
		}
		reqs = append(reqs, Requirement{key: expr.Key, op: op, values: sortedSet(expr.Values)})
	}
	return normalise(reqs), nil
}

func parseOperator(op metav1.LabelSelectorOperator, path *field.Path) (operator, selection.Operator, error) {
	switch op {
	case metav1.LabelSelectorOpIn:
		return opIn, selection.In, nil
	case metav1.LabelSelectorOpNotIn:
		return opNotIn, selection.NotIn, nil
	case metav1.LabelSelectorOpExists:
		return opExists, selection.Exists, nil
	case metav1.LabelSelectorOpDoesNotExist:
		return opDoesNotExist, selection.DoesNotExist, nil
	default:
		return 0, "", fmt.Errorf("%s: %q is not a valid label selector operator: use In, NotIn, Exists or DoesNotExist", path.Child("operator"), op)
	}
}

// validate leaves the rules to apimachinery, so that the two cannot diverge.
func validate(key string, op selection.Operator, values []string, path *field.Path) error {
	_, err := labels.NewRequirement(key, op, values, field.WithPath(path))
	var list utilerrors.Aggregate
	if errors.As(err, &list) {
		return list.Errors()[0]
	}
	return err
}

func nothing() Selector { return Selector{requirements: []Requirement{{op: opIn}}} }

// And returns the selector that also demands reqs.
func (s Selector) And(reqs ...Requirement) Selector {
	return normalise(slices.Concat(s.requirements, reqs))
}

// Matches reports whether a label set meets every requirement.
func (s Selector) Matches(labels map[string]string) bool {
	for i := range s.requirements {
		if !s.requirements[i].Matches(labels) {
			return false
		}
	}
	return true
}

// Everything reports whether every label set matches.
func (s Selector) Everything() bool { return len(s.requirements) == 0 }

// String returns the normalised selector, for readers.
func (s Selector) String() string {
	if s.Everything() {
		return "(everything)"
	}
	out := make([]string, len(s.requirements))
	for i, r := range s.requirements {
		if r.op == opIn && len(r.values) == 0 {
			return "(nothing)"
		}
		out[i] = r.String()
	}
	return strings.Join(out, ",")
}

// normalise returns the normalised selector. It takes ownership of reqs.
func normalise(reqs []Requirement) Selector {
	slices.SortStableFunc(reqs, compareRequirements)
	out := reqs[:0]
	for i := 0; i < len(reqs); {
		j := i + 1
		for j < len(reqs) && reqs[j].key == reqs[i].key {
			j++
		}
		// A run of one key never grows, so out never overtakes i.
		merged, possible := mergeKey(reqs[i:j])
		if !possible {
			return nothing()
		}
		out = append(out, merged...)
		i = j
	}
	if len(out) == 0 {
		return Selector{}
	}
	return Selector{requirements: slices.Clip(out)}
}

// mergeKey merges a run of requirements of one key, sorted by operator. It returns false if
// no label set can meet them all.
func mergeKey(run []Requirement) ([]Requirement, bool) {
	if len(run) == 1 {
		return run, run[0].op != opIn || len(run[0].values) > 0
	}
	var has [opDoesNotExist + 1]bool
	var in, notIn []string
	for _, r := range run {
		switch {
		case r.op == opIn && !has[opIn]:
			in = r.values
		case r.op == opIn:
			in = slices.DeleteFunc(slices.Clone(in), func(v string) bool { return !r.has(v) })
		case r.op == opNotIn:
			notIn = sortedSet(slices.Concat(notIn, r.values))
		}
		has[r.op] = true
	}
	key := run[0].key
	forbidden := Requirement{key: key, op: opNotIn, values: notIn}
	switch {
	case has[opDoesNotExist]:
		return []Requirement{{key: key, op: opDoesNotExist}}, !has[opIn] && !has[opExists]
	case has[opIn]:
		in = slices.DeleteFunc(slices.Clone(in), forbidden.has)
		return []Requirement{{key: key, op: opIn, values: in}}, len(in) > 0
	case has[opExists] && has[opNotIn]:
		return []Requirement{{key: key, op: opExists}, forbidden}, true
	case has[opExists]:
		return []Requirement{{key: key, op: opExists}}, true
	default:
		return []Requirement{forbidden}, true
	}
}

func (s Selector) equal(o Selector) bool {
	return slices.EqualFunc(s.requirements, o.requirements, func(a, b Requirement) bool { return a.equal(&b) })
}

// hash returns equal values for equal selectors. Collisions are allowed.
func (s Selector) hash(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for i := range s.requirements {
		r := &s.requirements[i]
		maphash.WriteComparable(&h, r.op)
		maphash.WriteComparable(&h, r.key)
		maphash.WriteComparable(&h, len(r.values))
		for _, v := range r.values {
			maphash.WriteComparable(&h, v)
		}
	}
	return h.Sum64()
}

// mentions returns the number of postings in which the selector appears.
func (s Selector) mentions() int {
	n := 0
	for i := range s.requirements {
		n += s.requirements[i].mentions()
	}
	return n
}

// differs reports whether the answers on two label sets differ.
func (s Selector) differs(before, after map[string]string) bool {
	return s.Matches(before) != s.Matches(after)
}

// firstTouched returns the index of the selector's first mention that an edit touches, -1
// if it touches none. The selector is in the posting of each touched mention and counts
// only in the first, so a query yields it once without a set of what it visited.
func (s Selector) firstTouched(before, after map[string]string) int {
	base := 0
	for i := range s.requirements {
		r := &s.requirements[i]
		a, hadKey := before[r.key]
		b, hasKey := after[r.key]
		switch {
		case hadKey == hasKey && a == b:
		case r.op == opExists || r.op == opDoesNotExist:
			if hadKey != hasKey {
				return base
			}
		default:
			first := len(r.values)
			if at, ok := slices.BinarySearch(r.values, a); ok && hadKey {
				first = at
			}
			if at, ok := slices.BinarySearch(r.values, b); ok && hasKey {
				first = min(first, at)
			}
			if first < len(r.values) {
				return base + first
			}
		}
		base += r.mentions()
	}
	return -1
}
