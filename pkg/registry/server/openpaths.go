// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"
	"strings"
)

// ValidateOpenPaths returns an error for each path that an operator must not open to
// clients without authorization (--authorization-always-allow-paths), because it shows more
// than the server's health.
func ValidateOpenPaths(paths []string) []error {
	var all []error
	for _, path := range paths {
		if !showsHealth(path) {
			all = append(all, fmt.Errorf("--authorization-always-allow-paths: %q would let every client in; list paths of health checks, or /metrics", path))
		}
	}
	return all
}

func showsHealth(path string) bool {
	path = "/" + strings.Trim(path, "/")
	for _, open := range []string{"/healthz", "/livez", "/readyz", "/metrics", "/version"} {
		if path == open || path == open+"/*" || strings.HasPrefix(path, open+"/") {
			return true
		}
	}
	return false
}
