// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// proposed returns the write of an object, or its deletion if gone.
func proposed(object record.APIObject, gone bool) Proposal {
	p := Proposal{Resource: resourceOf(object), Name: nameOf(object)}
	if !gone {
		p.Object = recordOf(object)
	}
	return p
}

// TestTheHarmfulSecondOfTwoConcurrentWritesIsRefused plans two writes, each of which is
// harmless alone. The second, planned without knowledge of the first, would lose what worked.
func TestTheHarmfulSecondOfTwoConcurrentWritesIsRefused(t *testing.T) {
	t.Parallel()
	policy, group := strict(), groupOf("all", "on", "yes")
	two := where("on", "yes")
	two.Helm = app("v2", true).Spec.Helm
	// Templated for clusters in a group, plain for others.
	inGroup := ofGroup("all")
	inGroup.Helm = two.Helm
	zone := clusterOf("c1", map[string]string{"on": "yes", "zone": "b"})
	elsewhere, moved := groupOf("all", "zone", "a"), groupOf("all", "zone", "b")
	// A version is templated only where the label stage says so.
	staged := where("stage", "yes")
	staged.Helm = two.Helm
	stage := clusterOf("c1", map[string]string{"on": "yes", "stage": "yes"})
	restriction := &v1alpha1.GitRepoRestriction{ObjectMeta: metaOf("fleet", "r")}
	for name, c := range map[string]struct {
		given         []record.APIObject
		first, second Proposal
		harmless      bool
	}{
		"a label is removed, and a version that needs it arrives": {
			given: []record.APIObject{onWith("c1", "x"), app("v1", false)},
			first: proposed(on("c1"), false), second: proposed(app("v2", true), false),
		},
		"a version that needs a label arrives, and the label is removed": {
			given: []record.APIObject{onWith("c1", "x"), app("v1", false)},
			first: proposed(app("v2", true), false), second: proposed(on("c1"), false),
		},
		"a label makes a template count, and a version with the template arrives": {
			given: []record.APIObject{on("c1"), app("v1", false)},
			first: proposed(stage, false), second: proposed(app("v2", false, staged, where("on", "yes")), false),
		},
		"one cluster is mended, and another breaks: the version was accepted": {
			given: []record.APIObject{on("c1"), onWith("c2", "y"), app("v1", false), app("v2", true)},
			first: proposed(onWith("c1", "x"), false), second: proposed(on("c2"), false),
		},
		"one cluster breaks, and the last other is mended: the version would be accepted": {
			given: []record.APIObject{on("c1"), onWith("c2", "y"), app("v1", false), app("v2", true)},
			first: proposed(on("c2"), false), second: proposed(onWith("c1", "x"), false),
		},
		"the two last clusters are mended: no write would accept the version": {
			given: []record.APIObject{on("c1"), on("c2"), app("v1", false), app("v2", true)},
			first: proposed(onWith("c1", "x"), false), second: proposed(onWith("c2", "y"), false),
		},
		"the only cluster that fails is removed, and a version that fails there arrives": {
			given: []record.APIObject{on("c1"), onWith("c2", "y"), app("v1", false)},
			first: proposed(on("c1"), true), second: proposed(app("v2", true), false),
		},
		"a cluster enters a group, and the group's bundle gets a version": {
			given: []record.APIObject{on("c1"), app("v1", false, where("on", "yes"))},
			first: proposed(group, false), second: proposed(app("v2", false, inGroup, where("on", "yes")), false),
		},
		"a cluster gets a label, and a group starts to select it": {
			given: []record.APIObject{on("c1"), elsewhere, app("v1", false, inGroup, where("on", "yes"))},
			first: proposed(zone, false), second: proposed(moved, false),
		},
		"a group starts to select a label, and a cluster gets it": {
			given: []record.APIObject{on("c1"), elsewhere, app("v1", false, inGroup, where("on", "yes"))},
			first: proposed(moved, false), second: proposed(zone, false),
		},
		"a policy is removed, and a version that it held back arrives": {
			given: []record.APIObject{on("c1"), app("v1", false), policy},
			first: proposed(policy, true), second: proposed(app("v2", false), false),
		},
		"a version that a policy holds back arrives, and the policy is removed": {
			given: []record.APIObject{on("c1"), app("v1", false), policy},
			first: proposed(app("v2", false), false), second: proposed(policy, true),
		},
		"two clusters that no template reads": {
			given: []record.APIObject{on("c1"), on("c2"), app("v1", false)},
			first: proposed(onWith("c1", "x"), false), second: proposed(onWith("c2", "y"), false),
			harmless: true,
		},
		"a Bundle without templates, and a label": {
			given: []record.APIObject{on("c1")},
			first: proposed(onWith("c1", "x"), false), second: proposed(app("v1", false), false),
			harmless: true,
		},
		// The label could end a BundleDeployment and leave its report.
		"another version without templates, and a label": {
			given: []record.APIObject{on("c1"), app("v1", false)},
			first: proposed(onWith("c1", "x"), false), second: proposed(app("v2", false), false),
		},
		"a label, and another version without templates": {
			given: []record.APIObject{on("c1"), app("v1", false)},
			first: proposed(app("v2", false), false), second: proposed(onWith("c1", "x"), false),
		},
		"a Bundle arrives while one cluster is paused, and another one is paused": {
			given: []record.APIObject{on("c1"), pausedCluster(on("c2"))},
			first: proposed(app("v1", false), false), second: proposed(pausedCluster(on("c1")), false),
		},
		"a paused cluster arrives, and a restriction": {
			given: []record.APIObject{app("v1", false)},
			first: proposed(pausedCluster(on("c1")), false), second: proposed(restriction, false),
		},
		"the Bundle that has a name gives it up, and the other gets a version": {
			given: []record.APIObject{pausedCluster(on("c1")), mappingOfOther(), ofOther(app("v1", false)), app("v1", false)},
			first: proposed(ofOther(app("v2", false, where("on", "no"))), false), second: proposed(app("v2", false), false),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.write(c.given...)
			first, second := s.j.write(t, c.first), s.j.write(t, c.second)
			s.j.state.exactGuards = 0
			coarse := s.j.write(t, c.second)
			s.j.state.exactGuards = exactGuards
			require.True(t, s.j.holds(coarse))
			require.True(t, s.j.commit(nil, first))
			require.Equal(t, c.harmless, s.j.holds(second))
			require.True(t, c.harmless || !s.j.holds(coarse), "guards of ranges refuse what those of records do")
			before := s.answer(s.j.records)
			require.True(t, s.j.commit(nil, s.j.write(t, c.second)), "planned anew, it holds")
			h := &history{&edits{t: t, j: s.j}, s.checker}
			h.kept(c.second, before, s.answer(s.j.records))
		})
	}
}
