// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"errors"
	"fmt"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

var restarts = metrics.NewCounterVec(&metrics.CounterOpts{
	Namespace: "muster", Subsystem: "controller", Name: "restarts_total",
	Help:           "How often a controller failed and was started again.",
	StabilityLevel: metrics.ALPHA,
}, []string{"controller"})

func init() { legacyregistry.MustRegister(restarts) }

// failsFor is the time for which a loop may fail before Check reports it: etcd may be
// electing a leader.
const failsFor = 30 * time.Second

// Check returns an error that names the loops that have been failing for a while.
func (m *Manager) Check() error {
	var all []error
	for _, s := range m.loops {
		s.mu.Lock()
		if s.mu.failure != nil && time.Since(s.mu.since) > failsFor {
			all = append(all, fmt.Errorf("controller %s fails: %w", s.name, s.mu.failure))
		}
		s.mu.Unlock()
	}
	return errors.Join(all...)
}

// note keeps the error with which the loop fails, and since when it fails; nil means that
// it does not fail.
func (s *supervised) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.mu.failure == nil {
		s.mu.since = time.Now()
	}
	s.mu.failure = err
}
