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

// These are the values of the label "what".
const (
	aRecord  = "record"
	aContent = "content"
)

func init() {
	legacyregistry.MustRegister(swept)
	for _, what := range []string{aRecord, aContent} {
		swept.WithLabelValues(what).Add(0) // so that the series exists before the first removal
	}
}
