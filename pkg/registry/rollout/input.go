// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// Input is one Bundle's roll-out at one revision.
type Input struct {
	// Revision is that of the state that all of this was read from.
	Revision int64
	// Bundle and UID name the Bundle.
	Bundle record.Name
	UID    types.UID
	// Strategy is the Bundle's own; nil is the empty one.
	Strategy *v1alpha1.RolloutStrategy
	// Limited tells that the strategy can hold something back: Limited(Strategy). Paused
	// is the Bundle's spec.paused.
	Limited, Paused bool
	// Recorded tells that there is a rollout record of this Bundle, and HasBase that
	// it has a base. RecordRevision is the record's, 0 if there is none; also one of
	// another Bundle of the same name counts there, to be overwritten or swept.
	Recorded, HasBase bool
	RecordRevision    int64
	// Targets are all targets of the version in force, ordered by the Cluster's name,
	// then its namespace (S 2.5), but for those whose BundleDeployment's name another
	// Bundle or Cluster has: Contested are the records by which they have it.
	Targets   []Target
	Contested map[record.Key]int64
	// Guards are what must be unchanged when something decided from this Input is
	// committed: the Bundle's object record, its rollout record, the guards of
	// targeting and versions, and guard/rollout of the Bundle. The last is written by
	// whatever can make a cap smaller or a count larger behind the back of a pass: a
	// report that turns an available BundleDeployment of a limited Bundle unavailable,
	// and an edit that changes which Clusters are targets, or their partitions. It is
	// also written by whatever may make something more follow from the base: an edit of
	// a Cluster that is targeted or works for the first time, or is paused.
	Guards map[record.Key]int64
}

// Target is one Cluster that a Bundle targets.
type Target struct {
	// Cluster is what manual partitions look at.
	Cluster targeting.Cluster
	// Key is the name of the BundleDeployment; its namespace is empty while the Cluster
	// has none. UID is the BundleDeployment's.
	Key record.Name
	UID types.UID
	// Held tells that a promotion record rules here, if there is one: the Bundle is
	// limited or paused, or the Cluster is paused. Else all three contents are the same.
	Held bool
	// Exists tells that there is a BundleDeployment: it is served.
	Exists bool
	// Computed is the content of the version in force; nil if it fails without a pin,
	// and then nothing is done with the target.
	Computed *derive.Content
	// Staged and Promoted are those that are served; nil if there are none.
	Staged, Promoted *derive.Content
	// Recorded tells that there is a promotion record of this BundleDeployment, by its
	// UID; it rules if Held. RecordRevision is that of the record below Key, also of a
	// dead one; 0 if there is none.
	Recorded       bool
	RecordRevision int64
	// FromBase tells that Staged, Promoted, or that there is nothing, follows from the
	// base of the rollout record and would be lost with it.
	FromBase bool
	// Paused is the BundleDeployment's spec.paused: nothing is promoted.
	Paused bool
	// Applied and Ready are the agent's: status.appliedDeploymentID and status.ready.
	Applied string
	Ready   bool
}

// PromotedID is what the agent is to deploy, "" if nothing.
func (t *Target) PromotedID() string { return idOf(t.Promoted) }

// StagedID is what is next to be promoted, "" if nothing.
func (t *Target) StagedID() string { return idOf(t.Staged) }

// Unavailable tells whether there is a BundleDeployment that is not ready or not
// what it should be (S 6.3).
func (t *Target) Unavailable() bool {
	return t.Exists && (t.Applied != t.PromotedID() || !t.Ready)
}

// UpToDate tells whether the newest version is on the Cluster (S 6.3).
func (t *Target) UpToDate() bool {
	return t.Exists && t.Computed != nil &&
		t.StagedID() == t.Computed.DeploymentID &&
		t.PromotedID() == t.Computed.DeploymentID &&
		t.Applied == t.Computed.DeploymentID
}

func idOf(c *derive.Content) string {
	if c == nil {
		return ""
	}
	return c.DeploymentID
}
