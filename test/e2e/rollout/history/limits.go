// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"errors"
	"fmt"

	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// Faults that a revision may have.
var (
	errLost       = errors.New("its BundleDeployment is lost, and its agent uninstalls")
	errTakenBack  = errors.New("a promotion is taken back")
	errLeaked     = errors.New("an edit lets something through that is held back")
	errPaused     = errors.New("it is paused, and does not keep what it has")
	errUnrecorded = errors.New("no promotion record exists for it")
	errOld        = errors.New("what is promoted is not the newest version in its present form")
	errNoRing     = errors.New("a Cluster that is in no ring is promoted")
)

// limit returns how many of n Clusters may be unavailable (S 6.1).
func limit(n int) int {
	return max(n*scene.Percent/100, 1)
}

// counts hold numbers of the Clusters of a ring, or of all.
type counts struct {
	members, unavailable, promoted, stale int
}

// checkLimits checks that the promoted Clusters fit. Each that was available counts against
// the limits of its ring and of all. In no earlier ring may more Clusters be behind than
// may be unavailable.
func (c *change) checkLimits(promoted map[int]bool, s *Summary) error {
	if len(promoted) == 0 || !c.after.limited {
		return nil
	}
	var rings [3]counts
	var all counts
	for number := range c.after.pairs {
		was, is := &c.before.pairs[number], &c.after.pairs[number]
		if !is.targeted() {
			continue
		}
		of := []*counts{&all}
		if is.ring >= 0 {
			of = append(of, &rings[is.ring])
		}
		for _, each := range of {
			each.members++
			if was.shown.exists && !was.available {
				each.unavailable++
			}
			if promoted[number] {
				each.promoted++
			}
			if !is.fresh {
				each.stale++
			}
		}
	}
	if err := all.check(s); err != nil {
		return fmt.Errorf("of all Clusters %w", err)
	}
	for i := range rings {
		if err := rings[i].check(s); err != nil {
			return fmt.Errorf("of ring %s %w", scene.Rings[i].Name, err)
		}
	}
	return c.checkGates(promoted, &rings)
}

func (c *counts) check(s *Summary) error {
	most := limit(c.members)
	switch {
	case c.promoted == 0:
	case c.unavailable+c.promoted > most:
		return fmt.Errorf("%d of %d are unavailable, %d available ones are promoted, and the limit is %d", c.unavailable, c.members, c.promoted, most)
	case c.unavailable+c.promoted == most:
		s.Full++
	}
	return nil
}

func (c *change) checkGates(promoted map[int]bool, rings *[3]counts) error {
	for number := range promoted {
		ring := c.after.pairs[number].ring
		if ring < 0 {
			return errNoRing
		}
		for i := range ring {
			if most := limit(rings[i].members); rings[i].stale > most {
				return fmt.Errorf("%s of ring %s is promoted, while of ring %s %d are not through and the limit is %d",
					scene.ClusterName(number), scene.Rings[ring].Name, scene.Rings[i].Name, rings[i].stale, most)
			}
		}
	}
	return nil
}
