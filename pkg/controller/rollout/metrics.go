// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

var (
	written   = counter("records_total", "Records of roll-outs that were written or removed.")
	conflicts = counter("conflicts_total", "Transactions of roll-outs that were not committed because something had changed.")
)

func counter(name, help string) *metrics.Counter {
	c := metrics.NewCounter(&metrics.CounterOpts{Namespace: "muster", Subsystem: "rollout", Name: name, Help: help, StabilityLevel: metrics.ALPHA})
	legacyregistry.MustRegister(c)
	return c
}
