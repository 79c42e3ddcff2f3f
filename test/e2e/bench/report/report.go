// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report holds the report of a benchmark run: numbers for programs as JSON, and a
// page of Markdown with plots for people. It compares a run with an older one. What was not
// measured is shown as not measured: a scenario that broke off, a goal at another size, a
// number from another machine.
//
//	report.go    scenarios, tables and numbers
//	goals.go     the design's goals
//	compare.go   a report compared with an older one
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

// Machine describes the machine of a run. Absolute numbers of two machines are not
// compared.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	MemoryMiB  int    `json:"memoryMiB"`
	System     string `json:"system"`
	Go         string `json:"go"`
	// LoadBefore and LoadAfter are the system's load averages, which show other work.
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
	// Text says what was done, and how it was measured.
	Text        []string      `json:"text,omitempty"`
	Tables      []Table       `json:"tables,omitempty"`
	Figures     []plot.Figure `json:"figures,omitempty"`
	Numbers     []Number      `json:"numbers,omitempty"`
	NotMeasured []string      `json:"notMeasured,omitempty"`
	Seconds     float64       `json:"seconds"`
	// Failed says why the scenario broke off, or what was wrong. Its numbers cannot be
	// trusted then.
	Failed string `json:"failed,omitempty"`
}

// Table is a table for printing. All columns except the first are aligned right.
type Table struct {
	Title   string     `json:"title,omitempty"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Kind says what a number may be compared with.
type Kind string

// The kinds of numbers.
const (
	// Ratio compares two measurements of one run: comparable anywhere.
	Ratio Kind = "ratio"
	// Count does not depend on the machine: any change for the worse is a regression.
	Count Kind = "count"
	// Absolute is a time, a rate or memory: comparable on one machine only.
	Absolute Kind = "absolute"
)

// Number is a measurement that the next run is compared with.
type Number struct {
	// Name is unique within the scenario, and holds the size of the measurement: numbers at
	// different sizes are different numbers.
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	Kind  Kind    `json:"kind"`
	// MoreIsBetter is set for rates.
	MoreIsBetter bool `json:"moreIsBetter,omitempty"`
	// Noise is the factor by which the number may become worse before that counts; 0 means
	// the factor of its kind.
	Noise float64 `json:"noise,omitempty"`
	// Goal is the ID of the design's row for this number, if it has one; At is the size of
	// the measurement if it differs from the row's.
	Goal string `json:"goal,omitempty"`
	At   string `json:"at,omitempty"`
}

// At returns the At of a number that was measured at a size, which may be its goal's own.
func At(size string, own bool) string {
	if own {
		return ""
	}
	return size
}

// Add adds numbers. It leaves out values that are not numbers because nothing was measured.
func (s *Scenario) Add(numbers ...Number) {
	for _, n := range numbers {
		if !math.IsNaN(n.Value) && !math.IsInf(n.Value, 0) {
			s.Numbers = append(s.Numbers, n)
		}
	}
}

// Scenario returns the scenario with a name, or nil.
func (r *Report) Scenario(name string) *Scenario {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	return nil
}

// Failures returns the scenarios that broke off or found something wrong.
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
