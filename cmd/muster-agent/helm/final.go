// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import "regexp"

// final are errors that lie in what was to be deployed: trying the same again ends
// the same way (S 9.7).
var final = regexp.MustCompile(`(?i)(timed out waiting for the condition|context deadline exceeded|validation failed|failed validation|is invalid: |` +
	`chart requires kubeVersion|annotation validation error|has been rolled back due to|error converting YAML to JSON|YAML parse error|` +
	`unknown field|field not declared in schema|updates to .* for fields other than|field is immutable|forbidden: updates|no matches for kind|execution error at)`)

// Final reports whether an error is one that trying again does not mend.
func Final(err error) bool { return err != nil && final.MatchString(err.Error()) }
