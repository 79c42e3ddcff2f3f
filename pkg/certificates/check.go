// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import "net/http"

// checkName is the name of the check while no certificate expires soon, and its group.
const checkName = "certificates"

// Check is a health check that always passes: a replica with a certificate that expires
// soon, or that has expired, continues to serve. The line of a check that passes shows only
// its name, so its name names such certificates.
type Check struct{ of *Watch }

// Check returns the health check of a watch.
func (w *Watch) Check() Check { return Check{w} }

// Name implements healthz.HealthChecker. Until the first request it is the plain name,
// which is then the path of the check.
func (c Check) Name() string {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if !c.of.mu.asked || c.of.mu.summary == "" {
		return checkName
	}
	return checkName + " (" + c.of.mu.summary + ")"
}

// GroupName implements healthz.GroupedHealthChecker: a request can exclude the check by its
// plain name.
func (Check) GroupName() string { return checkName }

// Check implements healthz.HealthChecker.
func (c Check) Check(*http.Request) error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.mu.asked = true
	return nil
}
