// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// refresh returns a page with the table rows of an old report replaced by those of a new
// one, found by their first cell. It fails if the new report has no row for one of them.
func refresh(page, was, is string) (string, error) {
	lines := strings.Split(page, "\n")
	for i, line := range lines {
		if !isRow(line) || !strings.Contains(was, "\n"+line+"\n") {
			continue
		}
		next := ""
		for candidate := range strings.SplitSeq(is, "\n") {
			if isRow(candidate) && firstCell(candidate) == firstCell(line) && strings.Count(candidate, "|") == strings.Count(line, "|") {
				next = candidate
				break
			}
		}
		if next == "" {
			return "", fmt.Errorf("the new report has no row %q, which the page shows", firstCell(line))
		}
		lines[i] = next
	}
	return strings.Join(lines, "\n"), nil
}

// isRow reports whether a line is a row of numbers, and neither a ruler nor a heading.
func isRow(line string) bool {
	return strings.HasPrefix(line, "| ") && strings.ContainsAny(line, "0123456789")
}

func firstCell(row string) string {
	cell, _, _ := strings.Cut(strings.TrimPrefix(row, "|"), "|")
	return strings.TrimSpace(cell)
}
