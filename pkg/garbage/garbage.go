// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package garbage sets how much garbage a program lets pile up between collections.
//
// It is a third of what is in use, but enough on a small heap for the program not to collect
// all the time. With Go's 100 percent, half of the memory of a replica of a million
// BundleDeployments would be garbage, because what is in use is large and lives long, and an
// edit leaves little behind. A share suits fleets of all sizes; a limit does not. Where memory
// has a limit, GOMEMLIMIT makes Go collect more often close to it.
package garbage

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const (
	share = 33
	least = 64 << 20
	// leastReading takes the place of least while a log is read for a load. Decoding a million
	// reports makes gigabytes of garbage, and collections took most of the time.
	leastReading = 256 << 20
	// lookEvery is how often the share is set anew. While a state is loaded, the heap grows by
	// its size in a few seconds.
	lookEvery = 250 * time.Millisecond
)

// reading counts the loads under way.
var reading atomic.Int32

// Reading lets more garbage pile up until the caller calls done. It is safe for concurrent use.
func Reading() (done func()) {
	reading.Add(1)
	return func() { reading.Add(-1) }
}

// Limit sets how much garbage the process lets pile up, unless its operator has set GOGC.
// Programs that run an engine call it once, before they do.
func Limit() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	look := func() {
		metrics.Read(live)
		atLeast := uint64(least)
		if reading.Load() > 0 {
			atLeast = leastReading
		}
		// Setting it stops the world for a moment.
		if next := percent(live[0].Value.Uint64(), atLeast); math.Abs(float64(next-set)) > float64(set)/8 {
			debug.SetGCPercent(next)
			set = next
		}
	}
	look()
	go func() {
		for range time.Tick(lookEvery) {
			look()
		}
	}()
}

// percent returns the share for a heap of which live bytes were in use at the last
// collection, and that may have atLeast bytes of garbage.
func percent(live, atLeast uint64) int {
	const most = 100 // Go's own
	return int(min(max(atLeast*100/max(live, 1), share), most))
}
