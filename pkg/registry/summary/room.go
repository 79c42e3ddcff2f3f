// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// The limits on a derived status, like etcd's limit on a stored one. The condition
// Truncated counts what is left out, and an object has it only then. Sizes are in bytes of
// JSON.
const (
	// StatusBytes is the largest size of the status of a GitRepo or HelmOp.
	StatusBytes = 1536 << 10
	// leastRoom is left for the lists below, whatever the rest of the status takes.
	leastRoom = 256 << 10
	// conditionRoom is reserved for the condition Truncated.
	conditionRoom = 1 << 10
	// countBytes is for the counts of all Clusters, and objectBytes for the objects without
	// the names of their Clusters.
	countBytes, objectBytes = 512 << 10, 512 << 10
	// nameBytes limits the names of Clusters that all objects list together.
	nameBytes = 1 << 20
	// nameSize is what a name takes in addition to its bytes, and listSize what the first
	// name of a list takes in addition to that.
	nameSize, listSize = 3, 20
	// mostFound limits the different objects, and mostSaid the objects that all
	// BundleDeployments list together. They bound the memory that a reader needs.
	mostFound, mostSaid = 1 << 14, 1 << 20
)

// ConditionTruncated is the type of the condition that says what a status leaves out.
const ConditionTruncated = "Truncated"

// LeftOut counts what a status has no room for.
type LeftOut struct {
	// Objects counts the objects that did not fit.
	Objects int
	// Unlisted counts the resources that reports list but Resources ignores.
	Unlisted int
	// Names counts the left out names of Clusters, over all objects.
	Names int
	// Clusters counts the Clusters whose counts are left out.
	Clusters int
}

// Over adds the condition Truncated to a status if anything was left out of it.
func (l LeftOut) Over(status *v1alpha1.StatusBase) {
	var texts []string
	say := func(n int, text string) {
		if n > 0 {
			texts = append(texts, fmt.Sprintf(text, n))
		}
	}
	say(l.Objects, "status.resources leaves out %d objects")
	say(l.Unlisted, "status.resources ignores %d resources that BundleDeployments list")
	say(l.Names, "status.resources[].perClusterState leaves out %d names of Clusters")
	say(l.Clusters, "status.perClusterResourceCounts leaves out %d Clusters")
	if len(texts) > 0 {
		status.Conditions = WithCondition(status.Conditions, truncated(texts...))
	}
}

func truncated(texts ...string) v1alpha1.GenericCondition {
	return v1alpha1.GenericCondition{
		Type: ConditionTruncated, Status: statusTrue, Reason: "TooLarge",
		Message: strings.Join(texts, "; ") + ": counts and the Ready condition cover everything",
	}
}

// Room returns how many bytes of JSON a status without its lists leaves for them.
func Room(status *v1alpha1.StatusBase) int {
	text, err := json.Marshal(status)
	if err != nil {
		return leastRoom // cannot happen: no field of the status fails to encode
	}
	return max(StatusBytes-len(text)-conditionRoom, leastRoom)
}

// PerCluster returns the counts of the first Clusters that fit, the room that they leave,
// and how many Clusters are left out. Nil counts stand for zeros.
func PerCluster(clusters iter.Seq2[string, *v1alpha1.ResourceCounts], room int) (out map[string]*v1alpha1.ResourceCounts, left, leftOut int) {
	list := min(room, countBytes)
	for name, counts := range clusters {
		if counts == nil {
			counts = &v1alpha1.ResourceCounts{}
		}
		size := len(name) + countsSize(counts)
		if leftOut > 0 || size > list {
			leftOut++
			continue
		}
		list -= size
		room -= size
		if out == nil {
			out = map[string]*v1alpha1.ResourceCounts{}
		}
		out[name] = counts
	}
	return out, room, leftOut
}

// countsSize returns the bytes of JSON that counts take, with the quotes of their name.
func countsSize(c *v1alpha1.ResourceCounts) int {
	const fields = 112
	n := fields
	for _, count := range []int{c.Ready, c.DesiredReady, c.WaitApplied, c.Modified, c.Orphaned, c.Missing, c.Unknown, c.NotReady} {
		n += len(strconv.Itoa(count))
	}
	return n
}

// fitting returns the first objects that fit without the names of their Clusters, and
// the room that they leave.
func fitting(objects []*deployedObject, room int) (fit []*deployedObject, left int) {
	list := min(room, objectBytes)
	for i, o := range objects {
		size := o.size()
		if size > list {
			return objects[:i], max(room, 0)
		}
		list -= size
		room -= size
	}
	return objects, room
}

// size returns the most bytes of JSON that an object takes without its Clusters.
func (o *deployedObject) size() int {
	state := o.State
	for _, at := range o.at {
		if len(at.state) > len(state) {
			state = at.state
		}
	}
	const fields = 180 // the names of fields, with their quotes, without those of lists
	return fields + reports.TextSize(o.APIVersion, o.Kind, o.Type, o.ID, o.Namespace, o.Name, state)
}
