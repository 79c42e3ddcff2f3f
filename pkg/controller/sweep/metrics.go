// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sweep

import (
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

var swept = metrics.NewCounterVec(&metrics.CounterOpts{
	Namespace: "muster", Subsystem: "sweep", Name: "removed_total",
	Help:           "What was removed because nothing needs it any more.",
	StabilityLevel: metrics.ALPHA,
}, []string{"what"})

func init() { legacyregistry.MustRegister(swept) }
