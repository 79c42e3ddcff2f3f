// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package heap says what holds a server's heap: it reads a heap profile, and sums bytes
// in use by what they were allocated for.
//
// A profile samples: of each 512 KiB that are allocated, one allocation on average
// (runtime.MemProfileRate). So what it says is an estimate, the better the larger a
// group is, and its sum is not exactly what is in use.
package heap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Group holds what is held for one purpose.
type Group struct {
	Name  string
	Bytes int64
}

// Read sums the bytes in use of a profile by group, in the order of the rules; what no
// rule knows is last. Groups of nothing are there, too, so that all profiles have the
// same.
func Read(data []byte) ([]Group, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return nil, fmt.Errorf("heap profile: %w", err)
	}
	value := slices.IndexFunc(p.SampleType, func(t *profile.ValueType) bool { return t.Type == "inuse_space" })
	if value < 0 {
		return nil, fmt.Errorf("heap profile: it has no inuse_space")
	}
	var out []Group
	for _, r := range slices.Concat(rules, libraries) {
		out = append(out, Group{Name: r.group})
	}
	out = append(out, Group{Name: rest})
	for _, s := range p.Sample {
		at := &out[place(functions(s))]
		at.Bytes += s.Value[value]
	}
	return out, nil
}

// functions are those of a sample's stack, the one that allocated first.
func functions(s *profile.Sample) []string {
	var all []string
	for _, location := range s.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				all = append(all, line.Function.Name)
			}
		}
	}
	return all
}

// place is the group of a stack: that of the rule which knows the function nearest to
// the allocation; of several that do, the first.
func place(stack []string) int {
	if i, known := nearest(stack, rules); known {
		return i
	}
	i, known := nearest(stack, libraries)
	if !known {
		i = len(libraries)
	}
	return len(rules) + i
}

func nearest(stack []string, among []rule) (int, bool) {
	for _, function := range stack {
		if i := slices.IndexFunc(among, func(r rule) bool { return r.knows(function) }); i >= 0 {
			return i, true
		}
	}
	return 0, false
}

// rest holds the memory that no rule knows.
const rest = "the rest"

// rule says what functions allocate for. They are named without what packages of the
// engine begin with; a text that ends with a star is a beginning.
type rule struct {
	group     string
	functions []string
}

const module = "github.com/musterfleet/muster/pkg/registry/"

func (r rule) knows(function string) bool {
	function = strings.TrimPrefix(function, module)
	return slices.ContainsFunc(r.functions, func(known string) bool {
		if beginning, found := strings.CutSuffix(known, "*"); found {
			return strings.HasPrefix(function, beginning)
		}
		return function == known
	})
}

// File is the name of a file for the profile of some situation.
func File(situation string) string {
	return "heap-" + strings.ReplaceAll(situation, " ", "-") + ".pb.gz"
}
