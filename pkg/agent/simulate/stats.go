// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// Stats holds what the agents have done so far.
type Stats struct {
	// Agents and Deployments count those that exist now; Ready counts the deployments in
	// the state Ready.
	Agents, Deployments, Ready int
	// Events counts the events of all watches, Reconciles the reconciles.
	Events, Reconciles int
	// Reports counts acknowledged reports, Conflicts those refused with 409, and Errors
	// those that failed in another way.
	Reports, Conflicts, Errors int
	// Gone counts reports for BundleDeployments that were no longer targeted.
	Gone int
	// Heartbeats counts acknowledged heartbeats, Restarts agents that stopped and started
	// again.
	Heartbeats, Restarts int
	// Elapsed is the time since the start.
	Elapsed time.Duration
	// P50, P99 and Most describe the time from a report to its acknowledgement.
	P50, P99, Most time.Duration
}

// String returns the numbers as one paragraph.
func (s Stats) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d agents, %d BundleDeployments, %d of them Ready, after %v\n", s.Agents, s.Deployments, s.Ready, s.Elapsed.Round(time.Millisecond))
	fmt.Fprintf(&b, "reports: %d acknowledged (%.0f a second), %d conflicts, %d other errors, %d too late; p50 %v, p99 %v, at most %v\n",
		s.Reports, float64(s.Reports)/max(s.Elapsed.Seconds(), 1e-3), s.Conflicts, s.Errors, s.Gone, s.P50.Round(time.Microsecond), s.P99.Round(time.Microsecond), s.Most.Round(time.Microsecond))
	fmt.Fprintf(&b, "%d events, %d reconciles, %d heartbeats, %d restarts", s.Events, s.Reconciles, s.Heartbeats, s.Restarts)
	return b.String()
}

// counters collects Stats.
type counters struct {
	sync.Mutex
	Stats
	// slow counts reports by the logarithm of their time.
	slow [buckets]int
}

// Times in one bucket differ by at most 5%, from one microsecond on. The last bucket also
// holds every time above some two minutes.
const (
	buckets = 384
	growth  = 1.05
)

func (c *counters) add(change func(s *Stats)) {
	c.Lock()
	defer c.Unlock()
	change(&c.Stats)
}

func (c *counters) acknowledged(took time.Duration) {
	c.Lock()
	defer c.Unlock()
	c.Reports++
	c.Most = max(c.Most, took)
	at := 0
	if us := float64(took) / float64(time.Microsecond); us > 1 {
		at = min(int(math.Log(us)/math.Log(growth)), buckets-1)
	}
	c.slow[at]++
}

func (c *counters) read() Stats {
	c.Lock()
	defer c.Unlock()
	s := c.Stats
	s.P50, s.P99 = c.quantileLocked(0.5), c.quantileLocked(0.99)
	return s
}

func (c *counters) quantileLocked(q float64) time.Duration {
	wanted, seen := int(math.Ceil(q*float64(c.Reports))), 0
	for at, n := range c.slow {
		if seen += n; n > 0 && seen >= wanted {
			return min(time.Duration(math.Pow(growth, float64(at+1))*float64(time.Microsecond)), c.Most)
		}
	}
	return 0
}
