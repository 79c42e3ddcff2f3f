// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"fmt"
	"time"

	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// program is a program that is weighed.
type program struct {
	name    string
	process *cluster.Process
}

// weight holds what a program has at one time.
type weight struct {
	resident int64
	cpu      time.Duration // since its start
}

// situation holds the weights of the programs that run by then.
type situation struct {
	name    string
	at      time.Time
	weights []weight
}

// scales weighs programs in one situation after the other.
type scales struct {
	programs   []program
	situations []situation
}

// add adds a program that has just started.
func (s *scales) add(name string, process *cluster.Process) {
	s.programs = append(s.programs, program{name, process})
}

// weigh weighs all programs at the end of a situation.
func (s *scales) weigh(name string) error {
	now := situation{name: name, at: time.Now()}
	for _, p := range s.programs {
		resident, err := p.process.Resident()
		if err != nil {
			return err
		}
		cpu, err := p.process.ProcessorTime()
		if err != nil {
			return err
		}
		now.weights = append(now.weights, weight{resident, cpu})
	}
	s.situations = append(s.situations, now)
	return nil
}

// elapsed returns the time since the last situation ended.
func (s *scales) elapsed() time.Duration {
	return time.Since(s.situations[len(s.situations)-1].at)
}

// show adds a table of memory and one of processor time, with a row for each situation.
func (s *scales) show(fleet string, out *report.Scenario) {
	memory := report.Table{Title: "**Memory**, resident, MiB", Columns: []string{"situation"}}
	work := report.Table{Title: "**Processor time** within the situation, s", Columns: []string{"situation", "took, s"}}
	for _, p := range s.programs {
		memory.Columns, work.Columns = append(memory.Columns, p.name), append(work.Columns, p.name)
	}
	for i, now := range s.situations {
		residents, used := []string{now.name}, []string{now.name, "–"}
		if i > 0 {
			used[1] = fmt.Sprintf("%.0f", now.at.Sub(s.situations[i-1].at).Seconds())
		}
		for j, p := range s.programs {
			if j >= len(now.weights) {
				residents, used = append(residents, "–"), append(used, "–")
				continue
			}
			cpu := now.weights[j].cpu
			if i > 0 && j < len(s.situations[i-1].weights) {
				cpu -= s.situations[i-1].weights[j].cpu
			}
			residents = append(residents, fmt.Sprintf("%.0f", site.MiB(now.weights[j].resident)))
			used = append(used, fmt.Sprintf("%.2f", cpu.Seconds()))
			out.Add(report.Number{Name: fmt.Sprintf("%s: %s, %s", fleet, p.name, now.name), Value: site.MiB(now.weights[j].resident), Unit: "MiB", Kind: report.Absolute})
		}
		memory.Rows, work.Rows = append(memory.Rows, residents), append(work.Rows, used)
	}
	out.Tables = append(out.Tables, memory, work)
}
