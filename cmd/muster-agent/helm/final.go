// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import "regexp"

// final matches errors whose cause is in the deployed content: another attempt would end in
// the same way (S 9.7).
var final = regexp.MustCompile(`(?i)(timed out waiting for the condition|context deadline exceeded|validation failed|failed validation|is invalid: |` +
	`chart requires kubeVersion|annotation validation error|has been rolled back due to|error converting YAML to JSON|YAML parse error|` +
	`unknown field|field not declared in schema|updates to .* for fields other than|field is immutable|forbidden: updates|no matches for kind|execution error at)`)

// Final reports whether another attempt would not fix the error.
func Final(err error) bool { return err != nil && final.MatchString(err.Error()) }
