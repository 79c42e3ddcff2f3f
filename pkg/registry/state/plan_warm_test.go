// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// costly returns an app whose content takes some milliseconds for each Cluster.
func costly(version string) *v1alpha1.Bundle {
	b := app(version, true)
	b.Spec.Helm.TemplateValues = map[string]string{"k": "${ range 9000 }${ end }${ .ClusterName }"}
	return b
}

// large returns an app with values that take some milliseconds to prepare.
func large(version string) *v1alpha1.Bundle {
	b := app(version, true)
	b.Spec.Helm.Values.Data["text"] = strings.Repeat("text ", 20_000)
	return b
}

// fleetOf returns a story with some Clusters.
func fleetOf(t *testing.T, clusters int) *story {
	s := newStory(t)
	for i := range clusters {
		s.write(onWith(fmt.Sprint("c", i), "x"))
	}
	return s
}

func TestAPlanHoldsNoLockDuringLongEvaluations(t *testing.T) {
	t.Parallel()
	for name, object := range map[string]func(s *story) record.APIObject{
		"a Bundle whose values are large":    func(*story) record.APIObject { return large("v1") },
		"a Bundle whose templates take long": func(*story) record.APIObject { return costly("v1") },
		"a Cluster that such a Bundle is on": func(s *story) record.APIObject {
			s.write(costly("v1"))
			return onWith("c1", "y")
		},
		"a Cluster that is new": func(s *story) record.APIObject {
			s.write(costly("v1"))
			return onWith("c9", "y")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fleetOf(t, 4)
			e, proposal := s.j.planner, proposed(object(s), false)
			// No plan may evaluate now.
			var leave []func()
			for len(leave) == 0 || len(leave) < cap(e.evaluating.room) {
				one, err := e.evaluating.take(t.Context())
				require.NoError(t, err)
				leave = append(leave, one)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := e.Plan(ctx, proposal)
				ended <- err
			}()
			// If a plan that waits for its turn held the lock, this would never return.
			for range 100 {
				s.j.lock.Lock()
				s.j.lock.Unlock() //nolint:staticcheck // that it can be taken is the test
			}
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
			for _, one := range leave {
				one()
			}
			plan, err := e.Plan(t.Context(), proposal)
			require.NoError(t, err)
			require.NotNil(t, plan)
		})
	}
}

func TestAPlanEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	s := fleetOf(t, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.j.planner.Plan(ctx, proposed(costly("v1"), false))
	require.ErrorIs(t, err, context.Canceled)
	_, err = s.j.planner.Plan(ctx, proposed(onWith("c1", "y"), false))
	require.ErrorIs(t, err, context.Canceled)
}

// TestApplyReusesTheEvaluationsOfThePlan checks that apply does not repeat the evaluations of
// the plan.
func TestApplyReusesTheEvaluationsOfThePlan(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]func(string) *v1alpha1.Bundle{"large values": large, "costly templates": costly} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fleetOf(t, 3)
			txn := s.j.write(t, proposed(version("v1"), false))
			require.Len(t, s.j.planner.planned.mu.versions, 1)
			planned := s.j.planner.planned.mu.versions[0].derived
			require.True(t, s.j.commit(nil, txn))
			require.Same(t, planned, s.j.state.bundles[theApp].newest.derived)
			require.Len(t, s.deployed(), 3)
			// Another spec with the same generation must not be mistaken for it.
			other := version("v1")
			other.Spec.TargetNamespace = "other"
			require.NotSame(t, planned, s.j.state.compile(&bundle{name: theApp}, recordOf(other)).derived)
		})
	}
}

func TestABundleThatNoClusterCanTakeIsRefusedAtItsWrite(t *testing.T) {
	t.Parallel()
	password := strings.Repeat(`${ derivePassword 1 "long" "p" "u" "s" }`, 4)
	bundle := func(version string, keys int) *v1alpha1.Bundle {
		b := app(version, false, where("nobody", "yet"))
		b.Spec.Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{}}
		for i := range keys {
			b.Spec.Helm.TemplateValues[fmt.Sprint("k", i)] = password
		}
		return b
	}
	s := fleetOf(t, 1)
	for _, keys := range []int{1, 40, 2000} {
		_, err := s.j.planner.Plan(t.Context(), proposed(bundle("v1", keys), false))
		require.True(t, apierrors.IsInvalid(err), "%v", err)
		require.ErrorContains(t, err, "spec.helm.templateValues[k0]: Forbidden: the templates take at least ")
		require.ErrorContains(t, err, "put the values into a Secret and use valuesFrom")
	}
	// A Bundle that was stored before may be written again, and fails only on its Clusters.
	require.True(t, s.j.commit(nil, s.j.unplanned(t, proposed(bundle("v1", 3), false))))
	s.write(bundle("v2", 2), clusterOf("c7", map[string]string{"nobody": "yet"}))
	require.Empty(t, s.deployed())
	require.Contains(t, s.failure(), "derivePassword is not supported")
	s.write(app("v3", false, where("nobody", "yet")))
	require.Len(t, s.deployed(), 1)
}

// TestACostlyBundleIsTheSameWithoutItsPlan checks a replica that applies what it has not
// planned. With or without the plan's results, it agrees with the oracle.
func TestACostlyBundleIsTheSameWithoutItsPlan(t *testing.T) {
	t.Parallel()
	s := fleetOf(t, 2*firstEvaluated)
	s.write(costly("v1"))
	planned := s.deployed()
	require.Len(t, planned, 2*firstEvaluated)
	s.j.planner.planned.mu.versions = nil
	require.True(t, s.j.commit(nil, s.j.unplanned(t, proposed(costly("v2"), false))))
	require.True(t, s.j.state.bundles[theApp].newest.derived.Costly())
	for cluster, shown := range s.deployed() {
		require.Equal(t, strings.Replace(planned[cluster], "v1", "v2", 1), shown)
	}
}
