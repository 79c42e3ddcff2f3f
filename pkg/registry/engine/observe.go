// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "time"

// Observer takes measured values, in seconds.
type Observer interface{ Observe(float64) }

// Observers receive what an engine measures. Each may be nil.
type Observers struct {
	// Pulse receives how long etcd took for each quorum read of a pulse.
	Pulse Observer
	// Apply receives how long each revision took to become a view.
	Apply Observer
}

func observe(o Observer, begun time.Time) {
	if o != nil {
		o.Observe(time.Since(begun).Seconds())
	}
}
