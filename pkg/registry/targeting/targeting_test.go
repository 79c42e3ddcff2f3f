// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// selector parses kubectl's syntax; "" is the empty selector.
func selector(t *testing.T, in string) *metav1.LabelSelector {
	t.Helper()
	out, err := metav1.ParseToLabelSelector(in)
	require.NoError(t, err)
	return out
}

var (
	everything = &metav1.LabelSelector{}
	members    = []Group{{Name: "a", Labels: map[string]string{"ring": "1"}}, {Name: "b", Labels: map[string]string{"ring": "2"}}}
)

func TestEntrySentences(t *testing.T) {
	t.Parallel()
	plain := Cluster{Name: "c1", Namespace: "ns", Labels: map[string]string{"env": "prod"}}
	display := Cluster{Name: "c-x7k2", Labels: map[string]string{v1alpha1.LabelClusterDisplayName: "shown"}}
	grouped := Cluster{Name: "c1", Labels: map[string]string{"env": "prod"}, Groups: members}
	bare := Cluster{Name: "c1"}
	for name, c := range map[string]struct {
		entry   criteria
		cluster Cluster
		want    bool
	}{
		"S 2.1: an entry without criteria never matches":                              {criteria{}, grouped, false},
		"S 2.1: clusterName equals metadata.name":                                     {criteria{ClusterName: "c1"}, plain, true},
		"S 2.1: clusterName equals the display name":                                  {criteria{ClusterName: "shown"}, display, true},
		"S 2.1: a cluster with a display name keeps its name":                         {criteria{ClusterName: "c-x7k2"}, display, true},
		"S 2.1: clusterName is case-sensitive":                                        {criteria{ClusterName: "C1"}, plain, false},
		"S 2.1: the display name is case-sensitive":                                   {criteria{ClusterName: "Shown"}, display, false},
		"S 2.1: clusterName is no prefix":                                             {criteria{ClusterName: "c"}, plain, false},
		"S 2.1: clusterGroup equals a group's name":                                   {criteria{ClusterGroup: "b"}, grouped, true},
		"S 2.1: clusterGroup of which the cluster is no member":                       {criteria{ClusterGroup: "x"}, grouped, false},
		"S 2.1: clusterGroupSelector matches the labels of a group":                   {criteria{ClusterGroupSelector: selector(t, "ring=2")}, grouped, true},
		"S 2.1: clusterGroupSelector matches none":                                    {criteria{ClusterGroupSelector: selector(t, "ring=3")}, grouped, false},
		"S 2.1: clusterGroupSelector does not see the cluster's labels":               {criteria{ClusterGroupSelector: selector(t, "env=prod")}, grouped, false},
		"S 2.1: clusterSelector matches the cluster's labels":                         {criteria{ClusterSelector: selector(t, "env=prod")}, plain, true},
		"S 2.1: clusterSelector does not see the groups' labels":                      {criteria{ClusterSelector: selector(t, "ring=1")}, grouped, false},
		"S 2.1: criteria are ANDed, all hold":                                         {criteria{ClusterName: "c1", ClusterSelector: selector(t, "env=prod"), ClusterGroup: "a", ClusterGroupSelector: selector(t, "ring=1")}, grouped, true},
		"S 2.1: criteria are ANDed, the name does not hold":                           {criteria{ClusterName: "c2", ClusterSelector: selector(t, "env=prod"), ClusterGroup: "a", ClusterGroupSelector: selector(t, "ring=1")}, grouped, false},
		"S 2.1: criteria are ANDed, the selector does not hold":                       {criteria{ClusterName: "c1", ClusterSelector: selector(t, "env=dev"), ClusterGroup: "a", ClusterGroupSelector: selector(t, "ring=1")}, grouped, false},
		"S 2.1: criteria are ANDed, the group does not hold":                          {criteria{ClusterName: "c1", ClusterSelector: selector(t, "env=prod"), ClusterGroup: "x", ClusterGroupSelector: selector(t, "ring=1")}, grouped, false},
		"S 2.1: a clusterSelector {} alone matches every cluster":                     {criteria{ClusterSelector: everything}, bare, true},
		"S 2.1: a clusterGroupSelector {} alone matches every cluster":                {criteria{ClusterGroupSelector: everything}, grouped, true},
		"S 2.1: NotIn holds when the key is missing":                                  {criteria{ClusterSelector: selector(t, "zone notin (x)")}, plain, true},
		"S 2.1: DoesNotExist holds when the key is missing":                           {criteria{ClusterSelector: selector(t, "!zone")}, plain, true},
		"S 2.1: NotIn fails on the value":                                             {criteria{ClusterSelector: selector(t, "env notin (prod)")}, plain, false},
		"S 2.2: one group must satisfy all group criteria":                            {criteria{ClusterGroup: "a", ClusterGroupSelector: selector(t, "ring=2")}, grouped, false},
		"S 2.2: a groupless cluster and clusterGroupSelector {}":                      {criteria{ClusterGroupSelector: everything}, bare, true},
		"S 2.2: a groupless cluster and clusterGroupSelector NotIn":                   {criteria{ClusterGroupSelector: selector(t, "ring notin (1)")}, bare, true},
		"S 2.2: a groupless cluster and clusterGroupSelector DoesNotExist":            {criteria{ClusterGroupSelector: selector(t, "!ring")}, bare, true},
		"S 2.2: a groupless cluster and clusterGroupSelector Exists":                  {criteria{ClusterGroupSelector: selector(t, "ring")}, bare, false},
		"S 2.2: a groupless cluster and clusterGroup":                                 {criteria{ClusterGroup: "a"}, bare, false},
		"S 2.2: a cluster in groups is not tried without one":                         {criteria{ClusterGroupSelector: selector(t, "!ring")}, grouped, false},
		"S 2.2: a groupless cluster matches an entry that names no group":             {criteria{ClusterName: "c1"}, bare, true},
		"a group without labels is a group: its nil labels are not those of no group": {criteria{ClusterGroup: "z", ClusterGroupSelector: selector(t, "!ring")}, Cluster{Groups: []Group{{Name: "z"}}}, true},
		"a nil clusterSelector is no criterion, so it does not stop the group's":      {criteria{ClusterGroup: "a"}, grouped, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := CompileEntry("spec.targets.clusters[0]", c.entry)
			require.NoError(t, err)
			require.Equal(t, c.want, e.Matches(c.cluster))
			require.Equal(t, c.want, naiveAnyGroup(t, c.entry, c.cluster), "the oracle disagrees with the sentence")
		})
	}
}

func TestResolveSentences(t *testing.T) {
	t.Parallel()
	var (
		all   = criteria{ClusterSelector: everything}
		prod  = criteria{ClusterSelector: selector(t, "env=prod")}
		dev   = criteria{ClusterSelector: selector(t, "env=dev")}
		inA   = criteria{ClusterGroup: "a"}
		inB   = criteria{ClusterGroup: "b"}
		ring1 = criteria{ClusterGroupSelector: selector(t, "ring=1")}
		ring2 = criteria{ClusterGroupSelector: selector(t, "ring=2")}
	)
	deny := func(c criteria) v1alpha1.BundleTarget { return target(c, true) }
	list := func(in ...any) (out []v1alpha1.BundleTarget) {
		for _, e := range in {
			switch e := e.(type) {
			case criteria:
				out = append(out, target(e, false))
			case v1alpha1.BundleTarget:
				out = append(out, e)
			}
		}
		return out
	}
	const none = -1
	for name, c := range map[string]struct {
		targets  []v1alpha1.BundleTarget
		restrict []criteria
		mode     v1alpha1.TargetCustomizationMode
		target   int
		custom   []int
	}{
		"a Bundle without targets targets nothing":                                     {target: none},
		"restrictions alone target nothing":                                            {restrict: []criteria{all}, target: none},
		"S 2.3: without restrictions every entry is a plain target":                    {targets: list(dev, prod, all), target: 1},
		"S 2.4: the first plain target in list order decides":                          {targets: list(all, prod), target: 0},
		"S 2.4: no plain target matches":                                               {targets: list(dev, dev), target: none},
		"S 2.4: doNotDeploy on the deciding target ends it, later ones are not tried":  {targets: list(deny(prod), all), target: none},
		"S 2.4: doNotDeploy on a target that does not match is nothing":                {targets: list(deny(dev), all), target: 1},
		"S 2.4: doNotDeploy on a later target is nothing":                              {targets: list(all, deny(prod)), target: 0},
		"S 2.3: entries beyond the number of restrictions customize, the first":        {targets: list(prod, all), restrict: []criteria{all}, target: 1, custom: []int{0}},
		"S 2.3: customizations do not target":                                          {targets: list(all, dev), restrict: []criteria{all}, target: none},
		"S 2.3: as many restrictions as targets, N = 0: none customizes":               {targets: list(prod, all), restrict: []criteria{all, dev}, target: 0},
		"S 2.3: more restrictions than targets, N < 0: none customizes":                {targets: list(prod), restrict: []criteria{dev, dev, all}, target: 0},
		"S 2.3: restrictions admit by content, whichever position they have":           {targets: list(prod, prod), restrict: []criteria{dev, all}, target: 0},
		"S 2.3: restrictions that admit nothing":                                       {targets: list(all, all), restrict: []criteria{dev}, target: none},
		"S 2.1: a restriction without criteria admits nothing":                         {targets: list(all, all), restrict: []criteria{{}}, target: none},
		"S 2.4: a target without criteria is passed over":                              {targets: list(criteria{}, all), target: 1},
		"S 2.4: FirstMatch takes the first matching customization only":                {targets: list(dev, prod, all, all), restrict: []criteria{all}, mode: "FirstMatch", target: 3, custom: []int{1}},
		"S 2.4: FirstMatch with doNotDeploy on the first matching skips the cluster":   {targets: list(dev, deny(prod), all, all), restrict: []criteria{all}, mode: "FirstMatch", target: none},
		"S 2.4: FirstMatch does not look at doNotDeploy after the first":               {targets: list(prod, deny(prod), all), restrict: []criteria{all}, mode: "FirstMatch", target: 2, custom: []int{0}},
		"S 2.4: an empty mode is FirstMatch":                                           {targets: list(all, all, all), restrict: []criteria{all}, target: 2, custom: []int{0}},
		"S 2.4: an unknown mode is FirstMatch":                                         {targets: list(all, all, all), restrict: []criteria{all}, mode: "allMatches", target: 2, custom: []int{0}},
		"S 2.4: AllMatches takes every matching customization in order":                {targets: list(prod, dev, all, all), restrict: []criteria{all}, mode: "AllMatches", target: 3, custom: []int{0, 2}},
		"S 2.4: AllMatches with doNotDeploy on any skips the cluster":                  {targets: list(prod, dev, deny(all), all), restrict: []criteria{all}, mode: "AllMatches", target: none},
		"S 2.4: AllMatches with doNotDeploy on one that does not match":                {targets: list(prod, deny(dev), all), restrict: []criteria{all}, mode: "AllMatches", target: 2, custom: []int{0}},
		"S 2.4: no customization matches: the target's own options":                    {targets: list(dev, all), restrict: []criteria{all}, target: 1},
		"S 2.4: AllMatches without restrictions customizes nothing":                    {targets: list(prod, all), mode: "AllMatches", target: 0},
		"S 2.4: restrictions are not consulted for customizations":                     {targets: list(inB, inA), restrict: []criteria{inA}, target: 1, custom: []int{0}},
		"S 2.2: restriction and target on the same group":                              {targets: list(inA), restrict: []criteria{inA}, target: 0},
		"S 2.2: a restriction on group B and a target on group A never match together": {targets: list(inA), restrict: []criteria{inB}, target: none},
		"S 2.2: nor do they by the groups' labels":                                     {targets: list(ring1), restrict: []criteria{ring2}, target: none},
		"S 2.2: nor by the name of one and the labels of the other":                    {targets: list(inA), restrict: []criteria{ring2}, target: none},
		"S 2.2: the name and the labels of one group match together":                   {targets: list(inA), restrict: []criteria{ring1}, target: 0},
		"S 2.2: any restriction will do":                                               {targets: list(inA), restrict: []criteria{inB, dev, inA}, target: 0},
		"S 2.2: a target that names no group meets any restriction's group":            {targets: list(all), restrict: []criteria{inB}, target: 0},
		"S 2.2: a restriction that names no group meets any target's group":            {targets: list(inB), restrict: []criteria{prod}, target: 0},
		"S 2.2: a target that the restrictions do not admit lets the next one try":     {targets: list(inA, inB), restrict: []criteria{inB, inB}, target: 1},
		"S 2.2: doNotDeploy on a target that is not admitted does not end it":          {targets: list(deny(inA), inB), restrict: []criteria{inB, inB}, target: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := &v1alpha1.BundleSpec{Targets: c.targets, TargetCustomizationMode: c.mode}
			for _, in := range c.restrict {
				spec.TargetRestrictions = append(spec.TargetRestrictions, restriction(in))
			}
			compiled, err := Compile(spec)
			require.NoError(t, err)
			for range 2 {
				cluster := Cluster{Name: "c1", Namespace: "ns", Labels: map[string]string{"env": "prod"}, Groups: slices.Clone(members)}
				slices.Reverse(cluster.Groups)
				got, ok := compiled.Resolve(cluster)
				require.Equal(t, c.target != none, ok)
				if ok {
					require.Equal(t, Match{Target: c.target, Customizations: c.custom}, got)
				}
				naive, naiveOK := naiveResolve(t, spec, cluster)
				require.Equal(t, naiveOK, ok, "the oracle disagrees with the sentence")
				require.Equal(t, naive, got)
			}
		})
	}
}

func TestMalformedSelectors(t *testing.T) {
	t.Parallel()
	bad := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In"}}}
	odd := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Near", Values: []string{"x"}}}}
	long := &metav1.LabelSelector{MatchLabels: map[string]string{"a": strings.Repeat("x", 64)}}
	good := criteria{ClusterSelector: everything}
	for name, c := range map[string]struct {
		spec v1alpha1.BundleSpec
		want string
	}{
		"in a target": {
			v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{target(good, false), target(good, false), target(criteria{ClusterSelector: bad}, false)}},
			`spec.targets[2].clusterSelector.matchExpressions[0].values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty`,
		},
		"in a target that can never be reached": {
			v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{target(good, false), target(criteria{ClusterName: "x", ClusterGroupSelector: odd}, false)}},
			`spec.targets[1].clusterGroupSelector.matchExpressions[0].operator: "Near" is not a valid label selector operator: use In, NotIn, Exists or DoesNotExist`,
		},
		"in a restriction": {
			v1alpha1.BundleSpec{TargetRestrictions: []v1alpha1.BundleTargetRestriction{restriction(criteria{ClusterSelector: long})}},
			`spec.targetRestrictions[0].clusterSelector.matchLabels[a].values[0][a]: Invalid value: "xxxx`,
		},
		"in a restriction's group selector": {
			v1alpha1.BundleSpec{TargetRestrictions: []v1alpha1.BundleTargetRestriction{restriction(good), restriction(criteria{ClusterGroupSelector: bad})}},
			`spec.targetRestrictions[1].clusterGroupSelector.matchExpressions[0].values: `,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, err := Compile(&c.spec)
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasPrefix(err.Error(), c.want), "the field comes first: %s", err)
			require.Nil(t, compiled)
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	distinct := map[Key]Match{}
	for _, m := range []Match{
		{Target: 0},
		{Target: 1},
		{Target: 1, Customizations: []int{0}},
		{Target: 1, Customizations: []int{1}},
		{Target: 1, Customizations: []int{0, 1}},
		{Target: 1, Customizations: []int{1, 0}},
		{Target: 1, Customizations: []int{128}},
		{Target: 1, Customizations: []int{0, 1, 128, 300}},
	} {
		other, taken := distinct[m.Key()]
		require.False(t, taken, "%v and %v have one key", m, other)
		distinct[m.Key()] = m
	}
	require.Equal(t, Match{Target: 1}.Key(), Match{Target: 1, Customizations: []int{}}.Key())
}

func TestFilings(t *testing.T) {
	t.Parallel()
	spec := &v1alpha1.BundleSpec{
		Targets: []v1alpha1.BundleTarget{
			target(criteria{}, false),
			target(criteria{ClusterName: "x"}, false),
			target(criteria{ClusterName: "x", ClusterGroup: "g", ClusterSelector: selector(t, "env=prod")}, false),
			target(criteria{ClusterGroupSelector: selector(t, "ring=1")}, true),
		},
		TargetRestrictions: []v1alpha1.BundleTargetRestriction{
			restriction(criteria{}),
			restriction(criteria{ClusterSelector: everything}),
			restriction(criteria{ClusterGroup: "g"}),
		},
	}
	compiled, err := Compile(spec)
	require.NoError(t, err)
	got := map[int][]string{}
	for f := range compiled.Filings() {
		for _, s := range f.Labels {
			got[f.Entry] = append(got[f.Entry], s.String())
		}
		if f.GroupLabels != nil {
			got[f.Entry] = append(got[f.Entry], "group: "+f.GroupLabels.String())
		}
	}
	require.Equal(t, map[int][]string{
		1: {`"\x00name" in (x)`, `management.cattle.io/cluster-display-name in (x)`},
		2: {`"\x00group/g","\x00name" in (x),env in (prod)`, `"\x00group/g",env in (prod),management.cattle.io/cluster-display-name in (x)`},
		3: {"(everything)", "group: ring in (1)"},
		5: {"(everything)"},
		6: {`"\x00group/g"`},
	}, got, "entries without criteria are not filed; restrictions are numbered after targets")
}

func TestAugment(t *testing.T) {
	t.Parallel()
	labels := map[string]string{"env": "prod"}
	c := Cluster{Name: "c1", Namespace: "ns", Labels: labels, Groups: members}
	got := Augment(c)
	require.Equal(t, map[string]string{
		"env": "prod", NameKey: "c1", NamespaceKey: "ns", GroupKey("a"): "", GroupKey("b"): "",
	}, got)
	require.Equal(t, []string{"env"}, slices.Collect(maps.Keys(labels)), "the Cluster's labels are left alone")
	require.Equal(t, map[string]string{NameKey: "", NamespaceKey: ""}, Augment(Cluster{}))
}
