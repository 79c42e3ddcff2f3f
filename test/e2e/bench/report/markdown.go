// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes the page. Save writes the figures into files next to it; comparison may
// be nil.
func (r *Report) Markdown(w io.Writer, comparison *Comparison) {
	fmt.Fprintf(w, "<!--\nCopyright The Muster Authors.\nSPDX-License-Identifier: Apache-2.0\n-->\n\n# Benchmarks\n\n")
	m := r.Machine
	fmt.Fprintf(w, "Commit `%s`, %s, by\n\n```\n%s\n```\n\n", r.Commit, r.Started.UTC().Format("2006-01-02 15:04 UTC"), r.Command)
	fmt.Fprintf(w, "in %s on %d × %s, %d MiB of memory, %s, %s. ", time.Duration(r.Seconds*float64(time.Second)).Round(time.Second), m.Processors, m.Processor, m.MemoryMiB, m.System, m.Go)
	fmt.Fprintf(w, "Load averages were %s before and %s after; servers, etcds and the program that measures share the machine.\n\n", m.LoadBefore, m.LoadAfter)
	if !r.quiet() {
		fmt.Fprintf(w, "> The machine was busy with other things before the run began: absolute times are upper bounds.\n\n")
	}
	for _, failure := range r.Failures() {
		fmt.Fprintf(w, "> **Broken**: %s\n\n", oneLine(failure))
	}
	r.goals(w)
	if comparison != nil {
		comparison.markdown(w)
	}
	for i := range r.Scenarios {
		r.Scenarios[i].markdown(w)
	}
	r.notMeasured(w)
}

// quiet reports whether less than one processor was busy in the minute before the run.
func (r *Report) quiet() bool {
	var minute float64
	_, err := fmt.Sscan(r.Machine.LoadBefore, &minute)
	return err == nil && minute < 1
}

func (r *Report) goals(w io.Writer) {
	fmt.Fprintf(w, "## Numbers to reach\n\n")
	rows := [][]string{}
	for _, g := range Goals {
		measured, verdict := r.verdict(g)
		rows = append(rows, []string{g.What, g.limit(), measured, verdict})
	}
	(&Table{Columns: []string{"what", "goal", "measured", ""}, Rows: rows}).markdown(w)
}

func (s *Scenario) markdown(w io.Writer) {
	fmt.Fprintf(w, "## %s: %s\n\n", s.Name, s.Title)
	if s.Failed != "" {
		fmt.Fprintf(w, "> **Broken**: %s\n\n", oneLine(s.Failed))
	}
	for _, paragraph := range s.Text {
		fmt.Fprintf(w, "%s\n\n", paragraph)
	}
	for i := range s.Tables {
		s.Tables[i].markdown(w)
	}
	for i := range s.Figures {
		fmt.Fprintf(w, "![%s](%s.svg)\n\n", s.Figures[i].Title, s.Figures[i].Name)
	}
	fmt.Fprintf(w, "Took %s.\n\n", time.Duration(s.Seconds*float64(time.Second)).Round(time.Second))
}

func (t *Table) markdown(w io.Writer) {
	if t.Title != "" {
		fmt.Fprintf(w, "%s\n\n", t.Title)
	}
	row := func(cells []string) {
		escaped := make([]string, len(cells))
		for i, cell := range cells {
			escaped[i] = strings.ReplaceAll(oneLine(cell), "|", "\\|")
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(escaped, " | "))
	}
	row(t.Columns)
	lines := "|---|"
	for _, column := range t.Columns[1:] {
		if column == "" {
			lines += "---|" // words, not numbers
		} else {
			lines += "---:|"
		}
	}
	fmt.Fprintln(w, lines)
	for _, cells := range t.Rows {
		row(cells)
	}
	fmt.Fprintln(w)
}

func (c *Comparison) markdown(w io.Writer) {
	fmt.Fprintf(w, "## Against the committed report\n\n")
	fmt.Fprintf(w, "That is of commit `%s`, %s, on %d × %s. %d numbers got worse, %d better, %d are the same within noise (a ratio may change by a factor of %g, a time by %g, twice that if the machine had other work before one of the two, a count not at all; microbenchmarks of microseconds more).\n\n",
		c.Old.Commit, c.Old.Started.UTC().Format("2006-01-02"), c.Old.Machine.Processors, c.Old.Machine.Processor, len(c.Worse), len(c.Better), c.Same, ratioNoise, absoluteNoise)
	var rows [][]string
	for _, part := range []struct {
		name string
		all  []Difference
	}{{"**worse**", c.Worse}, {"better", c.Better}} {
		for _, d := range part.all {
			rows = append(rows, []string{d.Scenario + ": " + d.New.Name, d.Old.text(), d.New.text(), d.factor(), part.name})
		}
	}
	if len(rows) > 0 {
		(&Table{Columns: []string{"number", "then", "now", "factor", ""}, Rows: rows}).markdown(w)
	}
	if !c.SameMachine {
		fmt.Fprintf(w, "%d absolute numbers were not compared: it ran on another machine.\n\n", c.NotCompared)
	}
	if len(c.BrokenBefore) > 0 {
		fmt.Fprintf(w, "Not compared, since they are broken in one of the two: %s.\n\n", strings.Join(c.BrokenBefore, ", "))
	}
	if len(c.OnlyOld) > 0 {
		fmt.Fprintf(w, "Not measured this time: %s.\n\n", strings.Join(c.OnlyOld, "; "))
	}
}

func (r *Report) notMeasured(w io.Writer) {
	fmt.Fprintf(w, "## What was not measured\n\n")
	for i := range r.Scenarios {
		for _, what := range r.Scenarios[i].NotMeasured {
			fmt.Fprintf(w, "- %s: %s\n", r.Scenarios[i].Name, what)
		}
	}
	fmt.Fprintf(w, "- An etcd of more than one member, a network between the parts, and more than one replica: all of it ran on one machine.\n")
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
