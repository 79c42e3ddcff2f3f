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

// A derived status is bounded as a stored one is by etcd. What is left out is counted in
// a condition of its own type, which an object has only then.
const (
	// StatusBytes is how many bytes of JSON the status of a GitRepo or HelmOp takes.
	StatusBytes = 1536 << 10
	// leastRoom is what the lists below have, whatever else is in a status.
	leastRoom = 256 << 10
	// conditionRoom is for the condition that says what is left out.
	conditionRoom = 1 << 10
	// countBytes is what the counts of all Clusters take, and objectBytes what the
	// objects do without the names of their Clusters.
	countBytes, objectBytes = 512 << 10, 512 << 10
	// nameBytes is how long the names of Clusters are that all objects list together.
	nameBytes = 1 << 20
	// nameSize is what a name takes beside its bytes, and listSize what the first name of
	// a list does beside that.
	nameSize, listSize = 3, 20
	// mostFound is how many objects are told apart, and mostSaid how often
	// BundleDeployments list one: they bound what a reader takes of memory.
	mostFound, mostSaid = 1 << 14, 1 << 20
)

// ConditionTruncated is the type of the condition which says what a status leaves out.
const ConditionTruncated = "Truncated"

// LeftOut counts what a status has no room for.
type LeftOut struct {
	// Objects are those that found no room.
	Objects int
	// Unlisted counts what reports list beyond what is looked at.
	Unlisted int
	// Names are those of Clusters, of all objects together.
	Names int
	// Clusters are those whose counts are left out.
	Clusters int
}

// Over adds to a status that something was left out of it, if it was.
func (l LeftOut) Over(status *v1alpha1.StatusBase) {
	var texts []string
	say := func(n int, text string) {
		if n > 0 {
			texts = append(texts, fmt.Sprintf(text, n))
		}
	}
	say(l.Objects, "status.resources leaves out %d objects")
	say(l.Unlisted, "status.resources does not look at %d resources which BundleDeployments list")
	say(l.Names, "status.resources[].perClusterState leaves out %d names of Clusters")
	say(l.Clusters, "status.perClusterResourceCounts leaves out %d Clusters")
	if len(texts) > 0 {
		status.Conditions = WithCondition(status.Conditions, truncated(texts...))
	}
}

func truncated(texts ...string) v1alpha1.GenericCondition {
	return v1alpha1.GenericCondition{
		Type: ConditionTruncated, Status: statusTrue, Reason: "TooLarge",
		Message: strings.Join(texts, "; ") + ": counts and the Ready condition are of all",
	}
}

// Room is how many bytes of JSON a status without its lists leaves for them.
func Room(status *v1alpha1.StatusBase) int {
	text, err := json.Marshal(status)
	if err != nil {
		return leastRoom // it has nothing that could fail
	}
	return max(StatusBytes-len(text)-conditionRoom, leastRoom)
}

// PerCluster lists the counts of Clusters, of which nil has zeros: the first ones that
// fit. The room that they leave is returned, and how many are left out.
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

// countsSize is how many bytes of JSON counts take, with the quotes of their name.
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

// size is how many bytes of JSON an object takes at most, without its Clusters.
func (o *deployedObject) size() int {
	state := o.State
	for _, at := range o.at {
		if len(at.state) > len(state) {
			state = at.state
		}
	}
	const fields = 180 // the names of fields, with their quotes, but for those of lists
	return fields + reports.TextSize(o.APIVersion, o.Kind, o.Type, o.ID, o.Namespace, o.Name, state)
}
