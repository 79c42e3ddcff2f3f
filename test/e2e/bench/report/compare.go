// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "fmt"

// These factors bound noise: a number may become worse by its factor before it counts as a
// regression. Ratios of two measurements on a busy machine with two processors vary by a
// tenth from run to run, and absolute times by more.
const (
	ratioNoise    = 1.25
	absoluteNoise = 1.4
	// busyNoise multiplies the factor of an absolute number if the machine had other work
	// before one of the two runs.
	busyNoise = 2
)

// Difference holds a number in two runs.
type Difference struct {
	Scenario string
	Old, New Number
}

// Comparison holds what changed from an older run to this one.
type Comparison struct {
	Old          *Report
	SameMachine  bool
	Busy         bool // one of the two runs shared the machine
	Worse        []Difference
	Better       []Difference
	Same         int
	NotCompared  int      // absolute numbers from another machine
	OnlyOld      []string // numbers that only the older run has
	OnlyNew      int
	BrokenBefore []string // scenarios that were broken in one of the two
}

// Compare compares a run with an older one.
func Compare(old, current *Report) *Comparison {
	c := &Comparison{Old: old, SameMachine: old.Machine.same(current.Machine), Busy: !old.quiet() || !current.quiet()}
	for i := range current.Scenarios {
		s := &current.Scenarios[i]
		before := old.Scenario(s.Name)
		if before == nil {
			c.OnlyNew += len(s.Numbers)
			continue
		}
		if before.Failed != "" || s.Failed != "" {
			c.BrokenBefore = append(c.BrokenBefore, s.Name)
			continue
		}
		c.scenario(before, s)
	}
	for i := range old.Scenarios {
		if current.Scenario(old.Scenarios[i].Name) == nil {
			c.OnlyOld = append(c.OnlyOld, old.Scenarios[i].Name)
		}
	}
	return c
}

func (c *Comparison) scenario(old, current *Scenario) {
	known := map[string]Number{}
	for _, n := range old.Numbers {
		known[n.Name] = n
	}
	for _, n := range current.Numbers {
		was, found := known[n.Name]
		delete(known, n.Name)
		switch {
		case !found:
			c.OnlyNew++
		case n.Kind == Absolute && !c.SameMachine:
			c.NotCompared++
		default:
			d := Difference{Scenario: current.Name, Old: was, New: n}
			switch worse, better := d.judge(c.Busy); {
			case worse:
				c.Worse = append(c.Worse, d)
			case better:
				c.Better = append(c.Better, d)
			default:
				c.Same++
			}
		}
	}
	for _, n := range old.Numbers {
		if _, left := known[n.Name]; left {
			c.OnlyOld = append(c.OnlyOld, current.Name+": "+n.Name)
		}
	}
}

func (d *Difference) judge(busy bool) (worse, better bool) {
	noise := map[Kind]float64{Ratio: ratioNoise, Count: 1, Absolute: absoluteNoise}[d.New.Kind]
	noise = max(noise, d.New.Noise)
	if d.New.Kind == Absolute && busy {
		noise *= busyNoise
	}
	old, current := d.Old.Value, d.New.Value
	if d.New.MoreIsBetter {
		old, current = current, old
	}
	return current > old*noise && current != old, old > current*noise && current != old
}

func (d *Difference) factor() string {
	if d.Old.Value == 0 {
		return "–"
	}
	return fmt.Sprintf("× %.2f", d.New.Value/d.Old.Value)
}

// Summary returns the comparison in a few lines, for a terminal.
func (c *Comparison) Summary() []string {
	out := []string{fmt.Sprintf("compared with the committed report of %s (%s): %d worse, %d better, %d the same within noise",
		c.Old.Started.Format("2006-01-02"), c.Old.Commit, len(c.Worse), len(c.Better), c.Same)}
	for _, d := range c.Worse {
		out = append(out, fmt.Sprintf("  worse: %s: %s: %s, was %s (%s)", d.Scenario, d.New.Name, d.New.text(), d.Old.text(), d.factor()))
	}
	if c.NotCompared > 0 {
		out = append(out, fmt.Sprintf("  %d absolute numbers are of another machine and were not compared", c.NotCompared))
	}
	if n := len(c.OnlyOld); n > 0 {
		out = append(out, fmt.Sprintf("  %d scenarios or numbers of the committed report were not measured now, %d are new", n, c.OnlyNew))
	}
	if n := len(c.BrokenBefore); n > 0 {
		out = append(out, fmt.Sprintf("  not compared since they broke off in one of the two: %v", c.BrokenBefore))
	}
	return out
}
