// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// How much garbage a server lets pile up before a collection: a third of what is in use,
// but always so much that a small server does not collect all the time. What is in use
// is large and lives long, and what an edit leaves behind is little beside it: with Go's
// 100 percent half of the memory of a replica of a million BundleDeployments would be
// garbage, and it would still collect only once in many seconds. It is a share and not a
// limit, so it is right for all fleets; where memory has a limit, GOMEMLIMIT makes Go
// collect more often close to it.
const (
	garbageShare = 33
	leastGarbage = 64 << 20
	// readingGarbage takes the place of leastGarbage while the log is read for a load. To
	// decode a million reports makes gigabytes of garbage beside what is kept of them, and
	// collections were most of the time that it took.
	readingGarbage = 256 << 20
	// garbageLook is how often the share is set anew: while a state is loaded, the heap
	// grows by its size in a few seconds.
	garbageLook = 250 * time.Millisecond
)

// reading is how many engines read the log for a load.
var reading atomic.Int32

// LimitGarbage sets how much garbage the process lets pile up, for as long as it runs,
// unless its operator has set GOGC. Programs that run an engine call it once, before.
func LimitGarbage() {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	look := func() {
		metrics.Read(live)
		least := uint64(leastGarbage)
		if reading.Load() > 0 {
			least = readingGarbage
		}
		// To set it stops the world for a moment.
		if next := garbagePercent(live[0].Value.Uint64(), least); math.Abs(float64(next-set)) > float64(set)/8 {
			debug.SetGCPercent(next)
			set = next
		}
	}
	look()
	go func() {
		for range time.Tick(garbageLook) {
			look()
		}
	}()
}

// garbagePercent is the share for a heap of which so many bytes were in use at the last
// collection, and that may have so many of garbage.
func garbagePercent(live, least uint64) int {
	const most = 100 // Go's own
	return int(min(max(least*100/max(live, 1), garbageShare), most))
}
