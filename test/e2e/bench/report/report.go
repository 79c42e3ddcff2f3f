// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report holds the report of a benchmark run: numbers for machines as
// JSON, and the same as a page of Markdown with plots for people. It compares a run
// with an older one, and promises to show what was not measured as not measured:
// a scenario that broke off, a goal at another size, a number of another machine.
//
//	report.go    scenarios, tables and numbers
//	goals.go     the design's goals
//	compare.go   a report beside an older one
//	markdown.go  the page
//	store.go     the folder of a report
package report

import (
	"fmt"
	"math"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/plot"
)

// Report is one run.
type Report struct {
	Machine   Machine    `json:"machine"`
	Commit    string     `json:"commit"`
	Command   string     `json:"command"`
	Started   time.Time  `json:"started"`
	Seconds   float64    `json:"seconds"`
	Scenarios []Scenario `json:"scenarios"`
}

// Machine is where it ran. Absolute numbers of two machines are not compared.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	MemoryMiB  int    `json:"memoryMiB"`
	System     string `json:"system"`
	Go         string `json:"go"`
	// LoadBefore and LoadAfter are the system's load averages: what else ran.
	LoadBefore string `json:"loadBefore"`
	LoadAfter  string `json:"loadAfter"`
}

func (m Machine) same(o Machine) bool {
	return m.Processor == o.Processor && m.Processors == o.Processors
}

// Scenario is one part of a run.
type Scenario struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	// Text says what was done, and how what is shown was measured.
	Text        []string      `json:"text,omitempty"`
	Tables      []Table       `json:"tables,omitempty"`
	Figures     []plot.Figure `json:"figures,omitempty"`
	Numbers     []Number      `json:"numbers,omitempty"`
	NotMeasured []string      `json:"notMeasured,omitempty"`
	Seconds     float64       `json:"seconds"`
	// Failed says why the scenario broke off, or what was wrong: then its numbers are
	// not to be trusted.
	Failed string `json:"failed,omitempty"`
}

// Table is a table as it is printed. All columns but the first are aligned right.
type Table struct {
	Title   string     `json:"title,omitempty"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Kind says with what a number may be compared.
type Kind string

// The kinds of numbers.
const (
	// Ratio is of two things that the same run measured: comparable anywhere.
	Ratio Kind = "ratio"
	// Count does not depend on the machine: any change for the worse is one.
	Count Kind = "count"
	// Absolute is a time, a rate or memory: comparable on one machine only.
	Absolute Kind = "absolute"
)

// Number is a measurement that the next run is compared with.
type Number struct {
	// Name is unique within the scenario, and holds the size that it was measured at:
	// numbers of different sizes are different numbers.
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	Kind  Kind    `json:"kind"`
	// MoreIsBetter is for rates.
	MoreIsBetter bool `json:"moreIsBetter,omitempty"`
	// Noise is by which factor it may get worse before that is shown; 0 is its kind's.
	Noise float64 `json:"noise,omitempty"`
	// Goal is the ID of the row of the design that this number is for, if it is; At
	// is the size that it was measured at if that is not the row's.
	Goal string `json:"goal,omitempty"`
	At   string `json:"at,omitempty"`
}

// Add adds numbers. Those that are not numbers, since nothing was measured, are left out.
func (s *Scenario) Add(numbers ...Number) {
	for _, n := range numbers {
		if !math.IsNaN(n.Value) && !math.IsInf(n.Value, 0) {
			s.Numbers = append(s.Numbers, n)
		}
	}
}

// Scenario returns the scenario of a name, or nil.
func (r *Report) Scenario(name string) *Scenario {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	return nil
}

// Failures are the scenarios that broke off or found something wrong.
func (r *Report) Failures() []string {
	var out []string
	for i := range r.Scenarios {
		if s := &r.Scenarios[i]; s.Failed != "" {
			out = append(out, fmt.Sprintf("%s: %s", s.Name, s.Failed))
		}
	}
	return out
}

func (n Number) text() string {
	text := plot.Short(n.Value)
	if n.Value >= 1000 && n.Value < 10_000 {
		text = fmt.Sprintf("%.0f", n.Value)
	}
	if n.Kind == Ratio {
		text = fmt.Sprintf("%.2f", n.Value)
		if n.Value < 0.1 {
			text = plot.Short(n.Value)
		}
	}
	if n.Kind == Count && n.Value == math.Trunc(n.Value) {
		text = fmt.Sprintf("%.0f", n.Value)
	}
	if n.Unit != "" {
		text += " " + n.Unit
	}
	return text
}
