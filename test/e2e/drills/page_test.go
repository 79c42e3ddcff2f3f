// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	resultsFile = "results.json"
	tableBegins = "<!-- drills: begin, written by make drills -->\n"
	tableEnds   = "<!-- drills: end -->\n"
)

// run holds the measurements of one run of make drills, and the machine that it ran on.
type run struct {
	Commit  string   `json:"commit"`
	Machine string   `json:"machine"`
	Results []result `json:"results"`
}

func pagePath(t cluster.T) string {
	t.Helper()
	return filepath.Join(cluster.Checkout(t), "docs", "operations.md")
}

// publish writes the results and the table of the page.
func publish(t *testing.T, results []result) {
	t.Helper()
	require.Empty(t, *only, "the table has all drills: play all of them")
	commit, err := exec.Command("git", "describe", "--tags", "--always").Output()
	require.NoError(t, err)
	r := run{Commit: strings.TrimSpace(string(commit)), Machine: machine(t), Results: results}
	text, err := json.MarshalIndent(r, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(resultsFile, append(text, '\n'), 0o644))
	before, _, after := parts(t)
	require.NoError(t, os.WriteFile(pagePath(t), []byte(before+table(t, r)+after), 0o644))
}

// machine describes the class of this machine.
func machine(t cluster.T) string {
	t.Helper()
	text, err := os.ReadFile("/proc/meminfo")
	require.NoError(t, err)
	var kibibytes int
	_, err = fmt.Sscanf(string(text), "MemTotal: %d kB", &kibibytes)
	require.NoError(t, err)
	return fmt.Sprintf("%d processors and %d GiB of memory", runtime.NumCPU(), (kibibytes+1<<19)>>20)
}

// parts cuts the page around the table.
func parts(t cluster.T) (before, inside, after string) {
	t.Helper()
	text, err := os.ReadFile(pagePath(t))
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tableBegins)
	require.True(t, found, "docs/operations.md has no place for the table")
	inside, after, found = strings.Cut(rest, tableEnds)
	require.True(t, found)
	return before + tableBegins, inside, tableEnds + after
}

// table returns the table of a run.
func table(t cluster.T, r run) string {
	t.Helper()
	byName := map[string]result{}
	for _, each := range r.Results {
		byName[each.Drill] = each
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured with `make drills` at commit %s. One machine with %s ran everything:\n\n", r.Commit, r.Machine)
	b.WriteString("| What fails | Clients without retries | Clients of client-go, as kubectl | Watches: longest gap, new lists | All well | What to do |\n|---|---|---|---|---|---|\n")
	for _, d := range drills() {
		each, found := byName[d.name]
		require.True(t, found, "results.json does not have the drill %q: run make drills", d.name)
		fmt.Fprintf(&b, "| %s | %s | %s | %.1f s, %d | %s | %s |\n", d.name, each.Raw.text(), each.Retrying.text(), each.GapSeconds, each.Lists, each.well(), d.todo)
	}
	b.WriteString("\n")
	return b.String()
}

// well says when all was well again.
func (r result) well() string {
	after := "the fault"
	if r.Repaired {
		after = "the repair"
	}
	if r.WellSeconds == 0 && r.Raw.Failed+r.Retrying.Failed == 0 {
		return "at once"
	}
	return fmt.Sprintf("%.1f s after %s", r.WellSeconds, after)
}

func TestThePageShowsTheResults(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(resultsFile)
	require.NoError(t, err)
	var r run
	require.NoError(t, json.Unmarshal(text, &r))
	_, inside, _ := parts(t)
	require.Equal(t, table(t, r), inside, "docs/operations.md is not what make drills wrote")
	require.Len(t, r.Results, len(drills()), "results.json has a drill that no longer exists")
}
