// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

type chaos struct {
	t                          *testing.T
	random                     *rand.Rand
	well                       *atomic.Bool
	servers, controllers, etcd []*cluster.Process
	killed                     [3]int
}

// String returns the number of kills.
func (c *chaos) String() string {
	return fmt.Sprintf("killed with SIGKILL: servers %d times, controllers %d times, etcd %d times", c.killed[0], c.killed[1], c.killed[2])
}

// run continues until the context ends, and then starts everything. While well is set it
// kills no process, so that a busy machine reaches the end.
func (c *chaos) run(ctx context.Context) {
	kinds := [][]*cluster.Process{c.servers, c.controllers, c.etcd}
	for {
		select {
		case <-ctx.Done():
			c.start(1)
			return
		case <-time.After(time.Duration(300+c.random.IntN(1200)) * time.Millisecond):
		}
		if c.well.Load() {
			c.start(1)
			continue
		}
		switch what := c.random.IntN(10); {
		case what < 4:
			c.kill(kinds, 0)
		case what < 8:
			c.kill(kinds, 1)
		case what < 9:
			c.kill(kinds, 2)
		default:
			for kind := range kinds {
				c.kill(kinds, kind)
			}
		}
		c.start(0.6)
	}
}

func (c *chaos) kill(kinds [][]*cluster.Process, kind int) {
	victim := kinds[kind][c.random.IntN(len(kinds[kind]))]
	if victim.Running() {
		victim.Kill()
		c.killed[kind]++
	}
}

// start starts processes that are down, each with the given chance. It always starts etcd,
// because nothing happens without it.
func (c *chaos) start(chance float64) {
	for _, p := range c.etcd {
		c.begin(p)
	}
	for _, kind := range [][]*cluster.Process{c.servers, c.controllers} {
		for _, p := range kind {
			if c.random.Float64() < chance {
				c.begin(p)
			}
		}
	}
}

func (c *chaos) begin(p *cluster.Process) {
	if !p.Running() {
		assert.NoError(c.t, p.Start())
	}
}
