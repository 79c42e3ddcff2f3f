// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"fmt"

	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// change is one revision: what was before it, what it wrote, and what is after.
type change struct {
	before, after *state
	wrote         *touched
	base          *version
	facts         *facts
}

// check tells what a revision must not have done.
func (c *change) check(s *Summary) error {
	promoted := map[int]bool{} // whether it was available
	for number := range c.after.pairs {
		was, is := &c.before.pairs[number], &c.after.pairs[number]
		if was.told == is.told {
			continue
		}
		isPromoted, err := c.checkOne(number, was, is, s)
		if err != nil {
			return fmt.Errorf("%s was told %s, and is told %s, where the newest is %s (held: %t, paused: %t): %w",
				scene.ClusterName(number), was.told, is.told, is.newest, is.held, is.paused, err)
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

// checkOne checks that an agent may be told something else, and reports whether that is
// a promotion.
func (c *change) checkOne(number int, was, is *pair, s *Summary) (promoted bool, err error) {
	switch {
	case !is.targeted():
		return false, nil // the Bundle is taken away
	case was.targeted() && was.told.exists && !is.told.exists:
		return false, errLost
	case was.targeted() && is.told.version < was.told.version:
		return false, errTakenBack
	case !is.held:
		s.Unlimited++
		return false, nil // by definition the newest
	case !was.targeted() || !was.told.exists:
		return c.checkNew(number, is, s)
	case c.wrote.edited:
		return false, errLeaked
	case is.paused:
		return false, errPaused
	case !c.wrote.promotion[number]:
		return false, errUnrecorded
	case is.told != is.newest:
		return false, errOld
	}
	s.Promotions++
	return true, nil
}

// checkNew checks what one is told that there was nothing of before: nothing, or what
// all had before this roll-out. Limits let the newest come by promotion records only.
func (c *change) checkNew(number int, is *pair, s *Summary) (promoted bool, err error) {
	base := told{}
	if c.base != nil {
		if base, err = c.base.on(c.facts.clusters[number]); err != nil {
			return false, err
		}
	}
	switch {
	case is.told.id == "" || is.told == base:
		return false, nil
	case is.told != is.newest:
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
