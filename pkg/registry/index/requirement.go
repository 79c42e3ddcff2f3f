// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// operator is the demand of a Requirement on its key. The order is that of the requirements
// of one key in a normalised Selector.
type operator uint8

const (
	opIn operator = iota
	opExists
	opNotIn
	opDoesNotExist
)

// Requirement is one demand on one label key.
type Requirement struct {
	key string
	op  operator
	// values is sorted and without duplicates, because it is searched, merged and hashed.
	values []string
}

// In demands that key is present with one of the values. Without values it matches nothing.
// Neither key nor values need to be valid for a label.
func In(key string, values ...string) Requirement {
	return Requirement{key: key, op: opIn, values: sortedSet(values)}
}

// Exists demands that key is present. The key need not be valid for a label.
func Exists(key string) Requirement {
	return Requirement{key: key, op: opExists}
}

// Matches reports whether a label set meets the requirement. The negative operators match
// if the key is missing (S 2.1).
func (r *Requirement) Matches(labels map[string]string) bool {
	value, ok := labels[r.key]
	switch r.op {
	case opIn:
		return ok && r.has(value)
	case opExists:
		return ok
	case opNotIn:
		return !ok || !r.has(value)
	default:
		return !ok
	}
}

func (r *Requirement) has(value string) bool {
	if len(r.values) == 1 {
		return r.values[0] == value
	}
	_, ok := slices.BinarySearch(r.values, value)
	return ok
}

// positive reports whether the requirement fails if the key is missing. Only then can a
// selector be filed under it.
func (r *Requirement) positive() bool { return r.op == opIn || r.op == opExists }

// mentions returns the number of postings in which the requirement appears: one for each
// value, or one for the presence of the key.
func (r *Requirement) mentions() int {
	if r.op == opIn || r.op == opNotIn {
		return len(r.values)
	}
	return 1
}

func (r *Requirement) equal(o *Requirement) bool {
	return r.op == o.op && r.key == o.key && slices.Equal(r.values, o.values)
}

func compareRequirements(a, b Requirement) int {
	return cmp.Or(strings.Compare(a.key, b.key), cmp.Compare(a.op, b.op))
}

// String returns the requirement in kubectl's selector syntax. Unprintable texts are
// quoted.
func (r Requirement) String() string {
	key := printable(r.key)
	switch r.op {
	case opExists:
		return key
	case opDoesNotExist:
		return "!" + key
	case opNotIn:
		return key + " notin (" + joinPrintable(r.values) + ")"
	default:
		return key + " in (" + joinPrintable(r.values) + ")"
	}
}

func joinPrintable(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = printable(v)
	}
	return strings.Join(out, ",")
}

func printable(s string) string {
	if quoted := strconv.Quote(s); quoted[1:len(quoted)-1] != s {
		return quoted
	}
	return s
}

func sortedSet(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	out := slices.Clone(values)
	slices.Sort(out)
	return slices.Compact(out)
}
