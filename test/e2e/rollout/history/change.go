// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"

	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// change holds one revision: the state before it, its writes, and the state after it.
type change struct {
	before, after *state
	wrote         *touched
	base          *version
	facts         *facts
}

// check returns an error if the revision did something forbidden.
func (c *change) check(s *Summary) error {
	promoted := map[int]bool{} // true if the Cluster was available
	for number := range c.after.pairs {
		was, is := &c.before.pairs[number], &c.after.pairs[number]
		if was.shown == is.shown {
			continue
		}
		isPromoted, err := c.checkOne(number, was, is, s)
		if err != nil {
			return fmt.Errorf("%s was shown %s, and is shown %s, where the newest is %s (held: %t, paused: %t): %w",
				scene.ClusterName(number), was.shown, is.shown, is.newest, is.held, is.paused, err)
		}
		if isPromoted {
			promoted[number] = was.available
		}
	}
	if c.after.limited && !c.before.limited {
		s.Limited++
	}
	return c.checkLimits(promoted, s)
}

// checkOne checks that an agent may be shown something else. It reports whether that is a
// promotion.
func (c *change) checkOne(number int, was, is *pair, s *Summary) (promoted bool, err error) {
	switch {
	case !is.targeted():
		return false, nil // the Bundle is removed
	case was.targeted() && was.shown.exists && !is.shown.exists:
		return false, errLost
	case was.targeted() && is.shown.version < was.shown.version:
		return false, errTakenBack
	case !is.held:
		s.Unlimited++
		return false, nil // the newest by definition
	case !was.targeted() || !was.shown.exists:
		return c.checkNew(number, is, s)
	case c.wrote.edited:
		return false, errLeaked
	case is.paused:
		return false, errPaused
	case !c.wrote.promotion[number]:
		return false, errUnrecorded
	case is.shown != is.newest:
		return false, errOld
	}
	s.Promotions++
	return true, nil
}

// checkNew checks the first content of an agent: an empty BundleDeployment, or the version
// that all Clusters had before this roll-out. If there are limits, only promotion records
// bring the newest.
func (c *change) checkNew(number int, is *pair, s *Summary) (promoted bool, err error) {
	base := shown{}
	if c.base != nil {
		if base, err = c.base.on(c.facts.clusters[number]); err != nil {
			return false, err
		}
	}
	switch {
	case is.shown.id == "" || is.shown == base:
		return false, nil
	case is.shown != is.newest:
		return false, errOld
	case is.paused && c.after.limited:
		return false, errPaused
	case c.after.limited && (c.wrote.edited || !c.wrote.promotion[number]):
		return false, errLeaked
	case !c.after.limited:
		s.NewPaused++
		return false, nil
	}
	s.Created++
	return true, nil
}
