// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const runbook = "https://github.com/musterfleet/muster/blob/main/docs/alerts.md#"

// urgency are the words with which the page begins, by severity.
var urgency = map[string]string{"critical": "Page.", "warning": "Same day."}

func page(t cluster.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", name))
	require.NoError(t, err)
	return string(text)
}

func TestEachAlertHasItsEntryInTheRunbook(t *testing.T) {
	t.Parallel()
	text, all := page(t, "alerts.md"), rules(t)
	for name, each := range all {
		assert.NotEmpty(t, each.Annotations["summary"], name)
		assert.NotEmpty(t, each.Annotations["description"], name)
		assert.Equal(t, runbook+strings.ToLower(name), each.Annotations["runbook_url"])
		assert.LessOrEqual(t, each.lasts(t), 3*time.Hour, name)
		_, entry, found := strings.Cut(text, "\n## "+name+"\n\n")
		if assert.True(t, found, "docs/alerts.md has no heading %s", name) {
			assert.True(t, urgency[each.Labels["severity"]] != "" && strings.HasPrefix(entry, urgency[each.Labels["severity"]]), "%s: the entry and the severity differ", name)
		}
	}
	for _, heading := range regexp.MustCompile(`(?m)^## (Muster\w+)$`).FindAllStringSubmatch(text, -1) {
		assert.Contains(t, all, heading[1], "the runbook has an alert that does not exist")
	}
}

func TestAnAlertWhoseTextFailsIsAnError(t *testing.T) {
	t.Parallel()
	with := func(text string) verdict {
		return verdict{Alerts: []alert{{Name: "A", Annotations: map[string]string{"summary": text}}}}
	}
	require.NoError(t, with("All is well.").texts())
	require.ErrorContains(t, with("<error expanding template: no such function>").texts(), "A: annotation summary: ")
}

var metric = regexp.MustCompile("`(muster_\\w+)")

func TestEachMetricHasAnAlertOrAReasonForNone(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(page(t, "alerts.md"), "\n## Metrics without an alert\n")
	require.True(t, found)
	none, _, _ := strings.Cut(rest, "\n## ")
	excused := map[string]bool{}
	for line := range strings.Lines(none) {
		if cell, _, found := strings.Cut(strings.TrimPrefix(line, "|"), "|"); found && strings.HasPrefix(line, "|") {
			for _, name := range metric.FindAllStringSubmatch(cell, -1) {
				excused[name[1]] = true
			}
		}
	}
	expressions := ""
	for _, each := range rules(t) {
		expressions += each.Expr + "\n"
	}
	for line := range strings.Lines(page(t, "metrics.md")) {
		if !strings.HasPrefix(line, "| `muster_") {
			continue
		}
		name := metric.FindStringSubmatch(line)[1]
		alerted := regexp.MustCompile(`\b` + name + `(_bucket|_count)?\b`).MatchString(expressions)
		if regexp.MustCompile(`[Nn]ever( worry)? by itself`).MatchString(line) {
			assert.False(t, excused[name], "%s: docs/metrics.md says not to worry", name)
			continue
		}
		assert.NotEqual(t, alerted, excused[name], "%s needs an alert, or a reason for none in docs/alerts.md (alert: %v)", name, alerted)
		delete(excused, name)
	}
	assert.Empty(t, excused, "the page excuses metrics that docs/metrics.md does not have")
}
