// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Resident returns the process's resident memory in bytes, and Peak its maximum since the
// start or the last ResetPeak. All functions in this file fail outside of Linux.
func (p *Process) Resident() (int64, error) { return p.memory("VmRSS") }

// Peak is described with Resident.
func (p *Process) Peak() (int64, error) { return p.memory("VmHWM") }

// ResetPeak makes Peak start again from the current memory.
func (p *Process) ResetPeak() error {
	const peak = "5" // proc_pid_clear_refs(5)
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.PID()), []byte(peak), 0)
}

func (p *Process) memory(field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			var kibibytes int64
			if _, err := fmt.Sscanf(rest, "%d kB", &kibibytes); err != nil {
				return 0, fmt.Errorf("%s of %s: %w", field, p.Name, err)
			}
			return kibibytes << 10, nil
		}
	}
	return 0, fmt.Errorf("the system does not show the %s of %s", field, p.Name)
}

// ProcessorTime returns the time that the process has used on all processors since its
// start.
func (p *Process) ProcessorTime() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID()))
	if err != nil {
		return 0, err
	}
	const tick = time.Second / 100 // on every Linux
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	const user, system = 11, 12 // the fields after the name
	var sum time.Duration
	for _, field := range []int{user, system} {
		ticks, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}
