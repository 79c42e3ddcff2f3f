// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package scene

import (
	"maps"
	"math/rand/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// These bound what operators have changed at one time, so that a roll-out can continue: a
// paused or failing Cluster counts against the limit of its ring.
const (
	maxPausedOfRing = 2
	maxAway         = 10
	maxMoved        = 10
)

// Cluster holds what operators edit of one Cluster.
type Cluster struct {
	Labels map[string]string
	Paused bool
}

// Edit holds the wanted state of one Cluster.
type Edit struct {
	Number int
	Cluster
}

// Put applies the edit to a Cluster.
func (e Edit) Put(c *v1alpha1.Cluster) {
	c.Labels, c.Spec.Paused = maps.Clone(e.Labels), e.Paused
}

// editor invents edits: whether a Cluster gets the Bundle, in which form, and when; and
// pauses. It knows what it has changed.
type editor struct {
	random   *rand.Rand
	clusters [Clusters]Cluster
}

// newEditor returns an editor of Clusters in their first state.
func newEditor(random *rand.Rand) *editor {
	e := &editor{random: random}
	for number := range e.clusters {
		e.clusters[number].Labels = map[string]string{RingLabel: RingAt(number)}
	}
	return e
}

// at returns a Cluster after its last edit.
func (e *editor) at(number int) Cluster { return e.clusters[number] }

// reached reports whether a roll-out may reach a Cluster.
func (c Cluster) reached() bool { return !c.Paused && c.Labels[AppLabel] != "none" }

// next returns a random edit.
func (e *editor) next() Edit {
	number := e.random.IntN(Clusters)
	c := &e.clusters[number]
	c.Labels = maps.Clone(c.Labels)
	switch e.random.IntN(5) {
	case 0:
		c.Paused = !c.Paused && e.count(func(_ int, o Cluster) bool { return o.Paused && o.Labels[RingLabel] == c.Labels[RingLabel] }) < maxPausedOfRing
	case 1:
		away := e.count(func(_ int, o Cluster) bool { return o.Labels[AppLabel] == "none" })
		toggle(c.Labels, AppLabel, "none", away < maxAway)
	case 2:
		moved := e.count(func(at int, o Cluster) bool { return o.Labels[RingLabel] != RingAt(at) })
		c.Labels[RingLabel] = RingAt(number)
		if !c.Paused && moved < maxMoved {
			c.Labels[RingLabel] = Rings[e.random.IntN(len(Rings))].Name
		}
	default:
		toggle(c.Labels, TierLabel, "gold", true)
	}
	return Edit{number, *c}
}

// toggle removes a label, or sets it if that is allowed.
func toggle(labels map[string]string, key, value string, allowed bool) {
	if _, has := labels[key]; has {
		delete(labels, key)
	} else if allowed {
		labels[key] = value
	}
}

func (e *editor) count(ok func(number int, c Cluster) bool) (n int) {
	for number, c := range e.clusters {
		if ok(number, c) {
			n++
		}
	}
	return n
}

// release returns the edits that let roll-outs reach all Clusters.
func (e *editor) release() []Edit {
	var out []Edit
	for number := range e.clusters {
		c := &e.clusters[number]
		if c.reached() {
			continue
		}
		c.Labels, c.Paused = maps.Clone(c.Labels), false
		delete(c.Labels, AppLabel)
		out = append(out, Edit{number, *c})
	}
	return out
}
