// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package heap says what holds a server's heap: it reads a heap profile, and sums bytes in
// use by the purpose of their allocation.
//
// A profile is a sample: it has one allocation in 512 KiB on average
// (runtime.MemProfileRate). So the sums are estimates, which are better the larger a group
// is, and their total is not exactly the memory in use.
package heap

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Group holds the memory of one purpose.
type Group struct {
	Name  string
	Bytes int64
}

// Read sums the bytes in use of a profile by group, in the order of the rules; memory that
// no rule knows comes last. Empty groups are included, so that all profiles have the same
// groups.
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

// functions returns the functions of a sample's stack, beginning with the one that
// allocated.
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

// place returns the group of the first rule that knows the function nearest to the
// allocation.
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

// rule names the functions that allocate for a purpose. Names leave out the common prefix
// of the engine's packages; a name that ends with a star is a prefix.
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

// File returns the name of the profile's file for a situation.
func File(situation string) string {
	return "heap-" + strings.ReplaceAll(situation, " ", "-") + ".pb.gz"
}
