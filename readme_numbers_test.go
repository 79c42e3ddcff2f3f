// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package muster_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// measurement is a number with a unit that only a run can give.
var measurement = regexp.MustCompile(`\d (ms|µs|ns|MiB|GiB|KiB)\b`)

// TestNumbersOfREADMEAreThoseOfTheCommittedReports requires each row of numbers to be a row
// of a report, and finds measurements anywhere else.
func TestNumbersOfREADMEAreThoseOfTheCommittedReports(t *testing.T) {
	t.Parallel()
	readme := page(t, "README.md")
	before, after, found := strings.Cut(readme, "\n## Numbers\n")
	require.True(t, found, "README.md has no section Numbers")
	numbers, after, found := strings.Cut(after, "\n## ")
	require.True(t, found, "README.md ends with its numbers")
	reports := page(t, "test/e2e/bench/committed/report.md") + page(t, "test/e2e/bench/committed/full/report.md")
	rows := 0
	for line := range strings.Lines(numbers) {
		if !strings.HasPrefix(line, "|") {
			assert.NotRegexp(t, measurement, line, "README.md has a number in prose: show the row of the report instead")
			continue
		}
		rows++
		assert.Contains(t, reports, "\n"+line, "README.md has a row that no committed report has: copy the row of the newest one")
	}
	assert.Greater(t, rows, 10)
	for line := range strings.Lines(before + after) {
		assert.NotRegexp(t, measurement, line, "README.md has a measurement outside of Numbers")
	}
}
