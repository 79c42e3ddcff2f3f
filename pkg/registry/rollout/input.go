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
	// Revision is the revision of the state that the Input was read from.
	Revision int64
	// Bundle and UID name the Bundle.
	Bundle record.Name
	UID    types.UID
	// Strategy is the Bundle's own; nil is the empty one.
	Strategy *v1alpha1.RolloutStrategy
	// Limited says that the strategy can hold something back: Limited(Strategy). Paused is
	// the Bundle's spec.paused.
	Limited, Paused bool
	// Recorded says that a rollout record of this Bundle exists, and HasBase that the
	// record has a base. RecordRevision is the revision of the record, 0 if none exists. It
	// also counts a record of another Bundle with the same name, which is to be overwritten
	// or swept.
	Recorded, HasBase bool
	RecordRevision    int64
	// Targets are the targets of the version in force, ordered by the Cluster's name, then
	// its namespace (S 2.5). They leave out targets if another Bundle or Cluster has the
	// name of their BundleDeployment; Contested are the records that give the name to the
	// other.
	Targets   []Target
	Contested map[record.Key]int64
	// Guards must be unchanged when a decision from this Input is committed: the Bundle's
	// object record, its rollout record, the guards of targeting and versions, and
	// guard/rollout of the Bundle. Every write that can make a cap smaller or a count
	// larger without a pass writes the last one. Such writes are a report that turns an
	// available BundleDeployment of a limited Bundle unavailable, and an edit that changes
	// which Clusters are targets, or their partitions. A write also writes it if more may
	// follow from the base: an edit of a Cluster that is targeted or works for the first
	// time, or is paused.
	Guards map[record.Key]int64
}

// Target is one Cluster that a Bundle targets.
type Target struct {
	// Cluster is what manual partitions look at.
	Cluster targeting.Cluster
	// Key is the name of the BundleDeployment; its namespace is empty while the Cluster has
	// none. UID is the UID of the BundleDeployment.
	Key record.Name
	UID types.UID
	// Held says that the promotion record decides, if one exists: the Bundle is limited or
	// paused, or the Cluster is paused. Otherwise all three contents are the same.
	Held bool
	// Exists says that the BundleDeployment exists and is served.
	Exists bool
	// Computed is the content of the version in force. It is nil if the version fails
	// without a pin; then nothing is done with the target.
	Computed *derive.Content
	// Staged and Promoted are the served contents, nil if nothing is served.
	Staged, Promoted *derive.Content
	// Recorded says that a promotion record of this BundleDeployment, with its UID, exists;
	// it decides if Held. RecordRevision is the revision of the record under Key, even of
	// an unused one; 0 if none exists.
	Recorded       bool
	RecordRevision int64
	// FromBase says that Staged, Promoted, or the absence of both, comes from the base of
	// the rollout record and would be lost with it.
	FromBase bool
	// Paused is the BundleDeployment's spec.paused: nothing is promoted.
	Paused bool
	// Applied and Ready come from the agent: status.appliedDeploymentID and status.ready.
	Applied string
	Ready   bool
}

// PromotedID returns what the agent is to deploy, "" if nothing.
func (t *Target) PromotedID() string { return idOf(t.Promoted) }

// StagedID returns what is to be promoted next, "" if nothing.
func (t *Target) StagedID() string { return idOf(t.Staged) }

// Unavailable reports whether the BundleDeployment exists and is not ready, or has not
// applied what is promoted (S 6.3).
func (t *Target) Unavailable() bool {
	return t.Exists && (t.Applied != t.PromotedID() || !t.Ready)
}

// UpToDate reports whether the Cluster has the newest version (S 6.3).
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
