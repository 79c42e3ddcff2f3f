// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"os"
	"runtime/debug"
)

// garbagePercent is how much garbage a server lets pile up, of what is in use. What is
// in use is large and lives long, and what an edit leaves behind is little beside it:
// with Go's 100 half of the memory of a replica of a million BundleDeployments would be
// garbage, and with 50 it is a third, for a collection more often. It is a share and not
// a limit, so it is right for all fleets; where memory has a limit, GOMEMLIMIT makes Go
// collect more often close to it.
const garbagePercent = 50

// LimitGarbage sets how much garbage the process lets pile up, unless its operator has
// set GOGC. Programs that run an engine call it once, before.
func LimitGarbage() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
