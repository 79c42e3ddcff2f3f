// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package index

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	expr := func(key string, op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "fine", Operator: "Exists"}, {Key: key, Operator: op, Values: values},
		}}
	}
	for name, c := range map[string]struct {
		in   *metav1.LabelSelector
		want string
	}{
		"an unknown operator is refused":    {expr("a", "Near"), `matchExpressions[1].operator: "Near" is not a valid label selector operator: use In, NotIn, Exists or DoesNotExist`},
		"an empty operator is refused":      {expr("a", ""), `matchExpressions[1].operator: "" is not a valid`},
		"In without values is refused":      {expr("a", "In"), `matchExpressions[1].values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty`},
		"NotIn without values is refused":   {expr("a", "NotIn"), `matchExpressions[1].values: `},
		"Exists with values is refused":     {expr("a", "Exists", "x"), `matchExpressions[1].values: Invalid value: ["x"]: values set must be empty for exists and does not exist`},
		"DoesNotExist with values too":      {expr("a", "DoesNotExist", "x"), `matchExpressions[1].values: `},
		"an invalid key is refused":         {expr("a b", "Exists"), `matchExpressions[1].key: Invalid value: "a b"`},
		"a synthetic key is refused":        {expr("\x00name", "Exists"), `matchExpressions[1].key: `},
		"an invalid value is refused":       {expr("a", "In", "x", "y z"), `matchExpressions[1].values[1][a]: Invalid value: "y z"`},
		"an invalid matchLabels key":        {&metav1.LabelSelector{MatchLabels: map[string]string{"!": "x"}}, `matchLabels[!].key: `},
		"an invalid matchLabels value":      {&metav1.LabelSelector{MatchLabels: map[string]string{"a": "x y"}}, `matchLabels[a].values[0][a]: `},
		"the first of two mistakes, always": {&metav1.LabelSelector{MatchLabels: map[string]string{"z": "x y", "b": "x y", "c": "x y", "d": "x y"}}, `matchLabels[b]`},
		"matchLabels go before expressions": {&metav1.LabelSelector{MatchLabels: map[string]string{"z": "x y"}, MatchExpressions: expr("a", "").MatchExpressions}, `matchLabels[z]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(c.in)
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasPrefix(err.Error(), c.want), "the path comes first: %s", err)
		})
	}
}

func TestNormalised(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		got  Selector
		want string
	}{
		"no requirement is everything":                     {Selector{}, "(everything)"},
		"the empty API selector is everything":             {compile(t, &metav1.LabelSelector{}), "(everything)"},
		"the nil API selector is nothing":                  {compile(t, nil), "(nothing)"},
		"In without values is nothing":                     {Selector{}.And(In("a")), "(nothing)"},
		"nothing stays nothing":                            {compile(t, nil).And(Exists("a"), In("b", "x")), "(nothing)"},
		"requirements are sorted by key":                   {parse(t, "b=x,a=y"), "a in (y),b in (x)"},
		"values are sorted and unique":                     {Selector{}.And(In("a", "y", "x", "y")), "a in (x,y)"},
		"two In intersect":                                 {parse(t, "a in (x,y),a in (y,z)"), "a in (y)"},
		"two In that do not overlap are nothing":           {parse(t, "a in (x),a in (z)"), "(nothing)"},
		"NotIn takes values from In":                       {parse(t, "a in (x,y),a notin (y,z)"), "a in (x)"},
		"NotIn may take all":                               {parse(t, "a in (y),a notin (y,z)"), "(nothing)"},
		"In makes Exists superfluous":                      {parse(t, "a,a in (x)"), "a in (x)"},
		"two NotIn unite":                                  {parse(t, "a notin (y),a notin (x,y)"), "a notin (x,y)"},
		"DoesNotExist makes NotIn superfluous":             {parse(t, "a notin (y),!a"), "!a"},
		"DoesNotExist contradicts Exists":                  {parse(t, "a,!a"), "(nothing)"},
		"DoesNotExist contradicts In":                      {parse(t, "a=x,!a"), "(nothing)"},
		"Exists and NotIn stay two":                        {parse(t, "a notin (x),a"), "a,a notin (x)"},
		"a synthetic key is printed quoted":                {Selector{}.And(Exists("\x00name")), `"\x00name"`},
		"a contradiction of one key is that of the others": {parse(t, "a,!a,b=x"), "(nothing)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, c.got.String())
		})
	}
}

func TestSelectorsAddTwicePanics(t *testing.T) {
	t.Parallel()
	x := NewSelectors[string]()
	x.Add("a", parse(t, "k=v"))
	require.PanicsWithValue(t,
		"index: selector a added twice: the first one would have no owner and be yielded for ever",
		func() { x.Add("a", parse(t, "k=w")) })
	x.Remove("not there")
	require.Equal(t, 1, x.Len())
}

func TestIdenticalSelectorsShareOneFiling(t *testing.T) {
	t.Parallel()
	x := NewSelectors[int]()
	for id := range 1000 {
		x.Add(id, parse(t, "a=x,b"))
	}
	require.Len(t, x.filings, 1)
	require.Equal(t, 1, x.visits(map[string]string{"a": "x", "b": ""}))
	require.Len(t, once(t, x.Matching(map[string]string{"a": "x", "b": ""})), 1000)
	for id := range 1000 {
		require.Equal(t, "a in (x),b", x.filings[x.ids[id].slot].selector.String())
		x.Remove(id)
		require.NotContains(t, x.ids, id)
	}
	require.True(t, x.Empty())
}

// TestHashCollisions checks that selectors with colliding hashes are still distinguished.
func TestHashCollisions(t *testing.T) {
	t.Parallel()
	x := NewSelectors[int]()
	const n = 5
	for id := range n {
		s := parse(t, fmt.Sprintf("a=v%d", id))
		slot := x.file(42, s)
		x.filings[slot].ids = []int{id}
	}
	for id := range n {
		slot, ok := x.find(42, parse(t, fmt.Sprintf("a=v%d", id)))
		require.True(t, ok)
		require.Equal(t, []int{id}, x.filings[slot].ids)
	}
	for _, id := range []int{2, 0, 4, 1, 3} {
		slot, ok := x.find(42, parse(t, fmt.Sprintf("a=v%d", id)))
		require.True(t, ok)
		x.unchain(42, slot)
		_, ok = x.find(42, parse(t, fmt.Sprintf("a=v%d", id)))
		require.False(t, ok)
	}
	require.Empty(t, x.byHash)
}

func TestHugeSets(t *testing.T) {
	t.Parallel()
	wide := func(changed string) map[string]string {
		out := map[string]string{}
		for i := range 10_000 {
			out[fmt.Sprintf("k%d", i)] = "v"
		}
		out["k77"] = changed
		return out
	}
	huge := strings.Repeat("ünï\x00cødé ", 10_000)

	t.Run("items with 10,000 labels", func(t *testing.T) {
		t.Parallel()
		x := NewItems[string]()
		for i := range 5 {
			x.Set(fmt.Sprint(i), wide(fmt.Sprint(i)))
		}
		require.NoError(t, x.verify())
		require.Equal(t, []string{"3"}, slices.Collect(x.Select(parse(t, "k77=3,k5000=v"))))
		x.Set("3", wide("4"))
		require.Len(t, once(t, x.Select(parse(t, "k77=4"))), 2)
		x.Set("3", nil)
		require.Len(t, once(t, x.Select(parse(t, "!k1"))), 1)
		for i := range 5 {
			x.Delete(fmt.Sprint(i))
		}
		require.True(t, x.Empty())
	})
	t.Run("a label set with 10,000 labels", func(t *testing.T) {
		t.Parallel()
		x := NewSelectors[int]()
		x.Add(1, parse(t, "k77=a,k5=v"))
		x.Add(2, parse(t, "k77 notin (b)"))
		x.Add(3, parse(t, "k5=v"))
		require.Equal(t, map[int]bool{1: true, 2: true}, once(t, x.Affected(wide("b"), wide("a"))))
		require.Equal(t, map[int]bool{3: true}, once(t, x.Matching(wide("b"))))
		require.Equal(t, map[int]bool{1: true, 3: true}, once(t, x.Affected(wide("a"), nil)))
	})
	t.Run("a selector with 10,000 values", func(t *testing.T) {
		t.Parallel()
		values := []string{}
		for i := range 10_000 {
			values = append(values, fmt.Sprint(i))
		}
		x := NewSelectors[int]()
		x.Add(1, Selector{}.And(In("k", values...)))
		x.Add(2, Selector{}.And(In("k", values...), In("few", "x")))
		require.Equal(t, map[int]bool{1: true}, once(t, x.Affected(nil, map[string]string{"k": "9999"})))
		require.Empty(t, once(t, x.Affected(map[string]string{"k": "1"}, map[string]string{"k": "2"})))
		require.Empty(t, once(t, x.Affected(map[string]string{"k": "a"}, map[string]string{"k": "b"})))
		require.Equal(t, 1, x.visits(map[string]string{"k": "5"}), "the second is filed under few=x")
		x.Remove(1)
		x.Remove(2)
		require.True(t, x.Empty())
	})
	t.Run("synthetic keys and values of any bytes", func(t *testing.T) {
		t.Parallel()
		x := NewSelectors[int]()
		x.Add(1, Selector{}.And(In("\x00name", huge, "\xff\xfe")))
		x.Add(2, Selector{}.And(Exists("\x00group/"+huge)))
		require.Equal(t, map[int]bool{1: true}, once(t, x.Matching(map[string]string{"\x00name": huge})))
		require.Equal(t, map[int]bool{1: true}, once(t, x.Affected(nil, map[string]string{"\x00name": "\xff\xfe"})))
		require.Equal(t, map[int]bool{2: true}, once(t, x.Affected(nil, map[string]string{"\x00group/" + huge: ""})))
		require.Empty(t, once(t, x.Matching(map[string]string{"\x00name": huge[:len(huge)-1]})))
	})
}

func TestTheCheapestScanVisitsFewItems(t *testing.T) {
	t.Parallel()
	x := NewItems[int]()
	for id := range 100 {
		set := map[string]string{"env": []string{"prod", "dev"}[id%2], "tenant": fmt.Sprint(id)}
		if id < 5 {
			set["rare"] = "yes"
		}
		x.Set(id, set)
	}
	for name, c := range map[string]struct {
		selector string
		items    int
	}{
		"an unknown key matches nothing":              {"zone=a,env=prod", 0},
		"an unknown value matches nothing":            {"env=test", 0},
		"unknown values leave no posting":             {"env in (test,stage)", 0},
		"the smallest posting wins":                   {"env=prod,tenant=4", 1},
		"several values are added up":                 {"env=prod,tenant in (1,2,3,x)", 3},
		"a rare key beats a common value":             {"env=prod,rare", 5},
		"a negative requirement needs a full scan":    {"env notin (prod)", 100},
		"an absent key needs a full scan":             {"!rare", 100},
		"a negative requirement does not stop others": {"env=dev,!rare", 50},
		"everything is a full scan":                   {"", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scan := x.cheapest(parse(t, c.selector))
			require.Equal(t, c.items, scan.items)
			visited := 0
			for range scan.slots {
				visited++
			}
			require.Equal(t, c.items, visited)
			for range scan.slots {
				break
			}
		})
	}
}
