// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/replay"
)

func fill(r *rand.Rand, v reflect.Value) {
	if c, ok := v.Addr().Interface().(*v1alpha1.GenericCondition); ok {
		*c = v1alpha1.GenericCondition{Type: []string{"Ready", "Processed", "Imported", "Stalled"}[r.IntN(4)], Status: "True", Message: []string{"", "", "one", "two"}[r.IntN(4)]}
		return
	}
	if t, ok := v.Addr().Interface().(*metav1.Time); ok {
		*t = metav1.Unix(int64(1+r.IntN(1000)), 0)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Slice:
		if n := r.IntN(3); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(fmt.Sprint(r.IntN(9)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(1 + r.IntN(1000)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer, reflect.Map:
		// These do not affect whether a field is derived or a fact.
	default:
		panic("fill: " + v.Type().String())
	}
}

// distinct removes all but the first condition of each type: a valid status has only one.
func distinct(conditions *[]v1alpha1.GenericCondition) {
	seen := map[string]bool{}
	*conditions = slices.DeleteFunc(*conditions, func(c v1alpha1.GenericCondition) bool {
		was := seen[c.Type]
		seen[c.Type] = true
		return was
	})
	if len(*conditions) == 0 {
		*conditions = nil
	}
}

// ready returns conditions as a roll-up derives them.
func ready(types ...string) []v1alpha1.GenericCondition {
	var out []v1alpha1.GenericCondition
	for _, kind := range types {
		out = append(out, v1alpha1.GenericCondition{Type: kind, Status: "False", Message: "derived"})
	}
	return out
}

type rollUp struct {
	object func() record.APIObject
	status Status
}

// rollUps returns all kinds of roll-ups, filled at random.
func rollUps(r *rand.Rand) map[string]rollUp {
	bundle, cluster, group, source := &BundleStatus{}, &ClusterStatus{}, &GroupStatus{}, &SourceStatus{}
	fill(r, reflect.ValueOf(&bundle.BundleStatus).Elem())
	fill(r, reflect.ValueOf(&cluster.ClusterStatus).Elem())
	fill(r, reflect.ValueOf(&group.ClusterGroupStatus).Elem())
	fill(r, reflect.ValueOf(&source.StatusBase).Elem())
	bundle.Conditions, source.Conditions = ready("Ready"), ready("Ready")
	cluster.Conditions = append([]v1alpha1.GenericCondition{processedWell}, ready("Ready")...)
	group.Conditions = ready("Processed", "Ready")
	return map[string]rollUp{
		"Bundle":       {func() record.APIObject { return &v1alpha1.Bundle{} }, bundle},
		"Cluster":      {func() record.APIObject { return &v1alpha1.Cluster{} }, cluster},
		"ClusterGroup": {func() record.APIObject { return &v1alpha1.ClusterGroup{} }, group},
		"GitRepo":      {func() record.APIObject { return &v1alpha1.GitRepo{} }, source},
		"HelmOp":       {func() record.APIObject { return &v1alpha1.HelmOp{} }, source},
	}
}

func statusOf(object record.APIObject) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName("Status")
}

func random(r *rand.Rand, object record.APIObject) record.APIObject {
	status := statusOf(object)
	fill(r, status)
	distinct(status.FieldByName("Conditions").Addr().Interface().(*[]v1alpha1.GenericCondition))
	return object
}

func text(t *testing.T, object record.APIObject) string {
	out, err := json.Marshal(object)
	require.NoError(t, err)
	return string(out)
}

// TestAFieldIsDerivedOrAFact checks that a roll-up hides no fact, and that a status that is
// sent back adds none.
func TestAFieldIsDerivedOrAFact(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 300 {
		for kind, c := range rollUps(r) {
			reported := random(r, c.object())
			facts := record.Copy(reported)
			Facts(facts)
			before := text(t, reported)

			shown := record.Copy(facts)
			c.status.Over(shown)
			again := record.Copy(shown)
			Facts(again)
			require.Equal(t, text(t, facts), text(t, again), "%s: a client that sends back what it read adds no fact", kind)

			over := record.Copy(reported)
			c.status.Over(over)
			factsOver := record.Copy(over)
			Facts(factsOver)
			require.Equal(t, text(t, facts), text(t, factsOver), "%s: a roll-up hides no fact", kind)
			require.Equal(t, before, text(t, reported), "%s: a shared status is never written to", kind)
		}
	}
}

// TestADerivedFieldHidesAReportedOne joins one roll-up with two reports of the same facts.
func TestADerivedFieldHidesAReportedOne(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 300 {
		for kind, c := range rollUps(r) {
			one := random(r, c.object())
			facts := record.Copy(one)
			Facts(facts)
			c.status.Over(one)
			c.status.Over(facts)
			sortConditions(one)
			sortConditions(facts)
			require.Equal(t, text(t, facts), text(t, one), kind)
		}
	}
}

func sortConditions(object record.APIObject) {
	conditions := statusOf(object).FieldByName("Conditions").Addr().Interface().(*[]v1alpha1.GenericCondition)
	*conditions = slices.SortedFunc(slices.Values(*conditions), func(a, b v1alpha1.GenericCondition) int {
		return strings.Compare(a.Type, b.Type)
	})
}

func TestAReportedProcessedConditionHidesTheDerivedOne(t *testing.T) {
	t.Parallel()
	well := v1alpha1.GenericCondition{Type: "Processed", Status: "True"}
	badly := v1alpha1.GenericCondition{Type: "Processed", Status: "False", Reason: "Error", Message: "no import"}
	timed := v1alpha1.GenericCondition{Type: "Processed", Status: "True", LastUpdateTime: "2026-01-01T00:00:00Z"}
	imported := v1alpha1.GenericCondition{Type: "Imported", Status: "True"}
	isReady := v1alpha1.GenericCondition{Type: "Ready", Status: "True"}
	for _, c := range []struct {
		name                   string
		reported, facts, shown []v1alpha1.GenericCondition
	}{
		{"nothing is reported", nil, nil, []v1alpha1.GenericCondition{well, isReady}},
		{"another condition is reported", []v1alpha1.GenericCondition{imported}, []v1alpha1.GenericCondition{imported}, []v1alpha1.GenericCondition{imported, well, isReady}},
		{"a failure stands", []v1alpha1.GenericCondition{badly, imported}, []v1alpha1.GenericCondition{badly, imported}, []v1alpha1.GenericCondition{badly, imported, isReady}},
		{"a time stands", []v1alpha1.GenericCondition{timed}, []v1alpha1.GenericCondition{timed}, []v1alpha1.GenericCondition{timed, isReady}},
		{"sending back what was read adds no fact", []v1alpha1.GenericCondition{well, isReady}, nil, []v1alpha1.GenericCondition{well, isReady}},
	} {
		object := &v1alpha1.Cluster{}
		object.Status.Conditions = c.reported
		Facts(object)
		require.Equal(t, c.facts, object.Status.Conditions, c.name)
		rolled := &ClusterStatus{}
		rolled.Conditions = []v1alpha1.GenericCondition{well, isReady}
		rolled.Over(object)
		require.Equal(t, c.shown, object.Status.Conditions, c.name)
		require.Equal(t, []v1alpha1.GenericCondition{well, isReady}, rolled.Conditions, "%s: a roll-up is immutable", c.name)
	}
}

func TestStatesDerivedFromFactsShowWithoutARollUp(t *testing.T) {
	t.Parallel()
	cluster := &v1alpha1.Cluster{}
	rolled := &ClusterStatus{}
	rolled.Display.State = "Modified"
	rolled.Over(cluster)
	require.Equal(t, "WaitCheckIn", cluster.Status.Display.State, "the agent was never seen")
	cluster.Status.Agent.LastSeen = metav1.Unix(1, 0)
	rolled.Over(cluster)
	require.Equal(t, "Modified", cluster.Status.Display.State)

	repo := &v1alpha1.GitRepo{}
	source := &SourceStatus{}
	source.Display.State = "NotReady"
	source.Over(repo)
	require.Equal(t, "GitUpdating", repo.Status.Display.State, "no job has reported that it is done")
	repo.Status.GitJobStatus = "Current"
	source.Over(repo)
	require.Equal(t, "NotReady", repo.Status.Display.State)
}

func TestAnObjectWithTheSameDerivedPartIsTheSame(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for kind, c := range rollUps(r) {
		object := &Object{Record: &record.Object{Object: c.object()}, At: 1}
		one := object.With(Derived{Status: c.status}, 2)
		require.EqualValues(t, 2, one.At, kind)
		equal := reflect.New(reflect.TypeOf(c.status).Elem())
		equal.Elem().Set(reflect.ValueOf(c.status).Elem())
		require.Same(t, one, one.With(Derived{Status: equal.Interface().(Status)}, 3), kind)
		require.NotSame(t, one, one.With(Derived{Status: c.status, Failure: "f"}, 3), kind)
		require.NotSame(t, one, one.With(Derived{}, 3), kind)
		for other, d := range rollUps(r) {
			require.NotSame(t, one, one.With(Derived{Status: d.status}, 3), "%s and %s", kind, other)
		}
	}
}
