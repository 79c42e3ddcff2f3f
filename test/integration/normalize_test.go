// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAnEmptySchedulingCustomizationIsNotKept(t *testing.T) {
	t.Parallel()
	c := shared(t).resource(t, "clusters", fresh(t))
	for i, text := range []string{
		`{spec: {paused: false, agentSchedulingCustomization: {}}}`,
		`{spec: {paused: false, agentSchedulingCustomization: {priorityClass: null}}}`,
	} {
		made := create(t, c, parsed(t, "clusters", name("c", i), text))
		require.JSONEq(t, `{"spec":{"paused":false}}`, written(t, made), text)
		require.Equal(t, made, get(t, c, made.GetName()))
		require.Equal(t, made, merge(t, c, made.GetName(), `{"spec":{"agentSchedulingCustomization":{}}}`), "a second write changes nothing")

		set := merge(t, c, made.GetName(), `{"spec":{"agentSchedulingCustomization":{"priorityClass":{}}}}`)
		require.JSONEq(t, `{"spec":{"paused":false,"agentSchedulingCustomization":{"priorityClass":{}}}}`, written(t, set))
		require.EqualValues(t, 2, set.GetGeneration())
		emptied := merge(t, c, made.GetName(), `{"spec":{"agentSchedulingCustomization":{"priorityClass":null}}}`)
		require.JSONEq(t, `{"spec":{"paused":false}}`, written(t, emptied))
		require.EqualValues(t, 3, emptied.GetGeneration())
		null := merge(t, c, made.GetName(), `{"spec":{"agentSchedulingCustomization":null}}`)
		require.Equal(t, emptied, null)
	}
	apply := func(text string) string {
		applied, err := c.Apply(t.Context(), "applied", parsed(t, "clusters", "applied", text), metav1.ApplyOptions{FieldManager: "rancher"})
		require.NoError(t, err)
		return applied.GetResourceVersion()
	}
	first := apply(`{spec: {agentSchedulingCustomization: {}}}`)
	require.Equal(t, first, apply(`{spec: {agentSchedulingCustomization: {}}}`), "a second apply changes nothing")
	_, err := c.Create(t.Context(), parsed(t, "clusters", "bad", `{spec: {agentSchedulingCustomization: {priorityClass: x}}}`), metav1.CreateOptions{})
	require.True(t, apierrors.IsInvalid(err), "%v", err)
	require.True(t, strings.Contains(err.Error(), "priorityClass"), "%v", err)
}
