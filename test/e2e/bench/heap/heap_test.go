// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"bytes"
	"runtime/pprof"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

func TestTheFunctionNearestToTheAllocationDecides(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		group string
		stack []string
	}{
		"a helper counts for its caller": {"BundleDeployments: their trees, in two orders", []string{"runtime.makeslice", "github.com/google/btree.(*node[go.shape.*uint8]).mutableFor", module + "view.(*pairs).put", module + "view.(*Builder).set"}},
		"a type's other methods":         {"other objects' trees", []string{module + "view.(*objects).put", module + "view.(*Builder).set"}},
		"what is decoded":                {"other reports, decoded", []string{"reflect.growslice", module + "record.DecodeReport", module + "state.(*work).takeReport"}},
		"a type with parameters":         {"roll-ups: their trees", []string{module + "summary.(*Ranked[go.shape.struct { A int }]).Add", module + "ledger.(*Ledger).Pair"}},
		"a function that no rule names":  {"the rest of the engine", []string{module + "state.(*work).comesLater", module + "engine.(*Engine).Run"}},
		"a library's own":                {"OpenAPI documents", []string{"maps.Copy", "k8s.io/kube-openapi/pkg/builder.toSchema", "main.main"}},
		"a function of no rule":          {rest, []string{"example.com/x.y"}},
		"no stack":                       {rest, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			groups, err := Read(encoded(t, map[string]int64{"a": 3, "b": 4}, c.stack))
			require.NoError(t, err)
			for _, g := range groups {
				if g.Name == c.group {
					require.EqualValues(t, 7, g.Bytes)
				} else {
					require.Zero(t, g.Bytes, g.Name)
				}
			}
		})
	}
}

func TestTheGroupsOfThisProcessSumUpToItsProfile(t *testing.T) {
	t.Parallel()
	var text bytes.Buffer
	require.NoError(t, pprof.Lookup("heap").WriteTo(&text, 0))
	p, err := profile.ParseData(text.Bytes())
	require.NoError(t, err)
	var want, got int64
	for _, s := range p.Sample {
		want += s.Value[len(s.Value)-1]
	}
	groups, err := Read(text.Bytes())
	require.NoError(t, err)
	names := map[string]bool{}
	for _, g := range groups {
		got += g.Bytes
		names[g.Name] = true
	}
	require.Equal(t, want, got)
	require.Len(t, names, len(groups), "no name stands for two groups")
	_, err = Read([]byte("no profile"))
	require.Error(t, err)
}

// encoded returns a profile with a sample for each of some values, all with one stack.
func encoded(t *testing.T, values map[string]int64, stack []string) []byte {
	t.Helper()
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}}
	var locations []*profile.Location
	for i, name := range stack {
		f := &profile.Function{ID: uint64(i + 1), Name: name}
		l := &profile.Location{ID: uint64(i + 1), Line: []profile.Line{{Function: f}}}
		p.Function, p.Location, locations = append(p.Function, f), append(p.Location, l), append(locations, l)
	}
	for _, v := range values {
		p.Sample = append(p.Sample, &profile.Sample{Location: locations, Value: []int64{1, v}})
	}
	var out bytes.Buffer
	require.NoError(t, p.Write(&out))
	return out.Bytes()
}
