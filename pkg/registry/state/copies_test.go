// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

func TestABundleShowsWhyItsCopiesAreIncomplete(t *testing.T) {
	runStory(t, func(s *story) {
		s.write(on("c1"), app("v1", false))
		uid := s.onC1().UID
		shows := func(d record.Downstream, want string) {
			t.Helper()
			s.copies(d)
			require.Equal(t, want, s.j.view.Get(record.Bundles, theApp).(*view.Object).Derived.Failure)
		}
		const text = "the Secret db is missing"
		shows(record.Downstream{UID: "of an earlier one", Obstacle: text}, "")
		shows(record.Downstream{UID: uid, Obstacle: text}, "BundleDeployment "+appOnC1.String()+": "+text)
		shows(record.Downstream{UID: uid, Generation: 1}, "")
		shows(record.Downstream{UID: uid, Generation: 1, Obstacle: text}, "BundleDeployment "+appOnC1.String()+": "+text)
	})
}

func TestAnAgentWaitsUntilItsOwnCopiesExist(t *testing.T) {
	runStory(t, func(s *story) {
		b := app("v1", false)
		b.Spec.DownstreamResources = []v1alpha1.DownstreamResource{{Kind: "Secret", Name: "a"}, {Kind: "ConfigMap", Name: "b"}}
		s.write(on("c1"), b)
		before := s.onC1()
		require.True(t, before.Spec.WaitingForValues, "nothing is copied yet")
		for _, c := range []struct {
			held  []string
			uid   types.UID
			waits bool
		}{
			{[]string{"secrets/a"}, before.UID, true},
			{[]string{"configmaps/b", "secrets/a"}, "another", true},
			{[]string{"configmaps/b", "secrets/a"}, before.UID, false},
			{nil, before.UID, true},
		} {
			s.copies(record.Downstream{UID: c.uid, Generation: 3, Held: c.held})
			now := s.onC1()
			require.Equal(t, c.waits, now.Spec.WaitingForValues, "%v", c)
			require.Equal(t, before.Spec.Options, now.Spec.Options)
			require.Equal(t, before.Spec.DeploymentID, now.Spec.DeploymentID)
			if c.uid == before.UID {
				require.EqualValues(t, 3, now.Spec.DownstreamResourcesGeneration)
			}
		}
	})
}
