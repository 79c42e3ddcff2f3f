// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package progress shows how far a long program has come: with a bar that moves on a
// terminal, and elsewhere with a line for each step, so that a log is not full of bars. It
// writes to one place only, and all its methods may be called from any goroutine.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// Progress describes a program that does a number of tasks with some steps each.
type Progress struct {
	out      io.Writer
	terminal bool
	begun    time.Time
	stop     chan struct{}
	mu       struct {
		sync.Mutex
		tasks, done int
		task        string
		steps, step int
		what        string
	}
}

// New returns the progress of some tasks. End ends it.
func New(out *os.File, tasks int) *Progress {
	info, err := out.Stat()
	return start(out, err == nil && info.Mode()&os.ModeCharDevice != 0, tasks)
}

func start(out io.Writer, terminal bool, tasks int) *Progress {
	p := &Progress{out: out, terminal: terminal, begun: time.Now(), stop: make(chan struct{})}
	p.mu.tasks, p.mu.done = tasks, -1
	if terminal {
		go p.tick()
	}
	return p
}

// tick moves the clock during a long step.
func (p *Progress) tick() {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.mu.Lock()
			p.drawLocked()
			p.mu.Unlock()
		case <-p.stop:
			return
		}
	}
}

// Task begins the next task, with so many steps.
func (p *Progress) Task(name string, steps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.done++
	p.mu.task, p.mu.steps, p.mu.step, p.mu.what = name, max(1, steps), -1, ""
	p.drawLocked()
}

// Step begins the next step of the task. It accepts more steps than were announced: the bar
// then waits at the end of the task.
func (p *Progress) Step(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.step++
	p.mu.what = fmt.Sprintf(format, args...)
	if p.terminal {
		p.drawLocked()
		return
	}
	fmt.Fprintf(p.out, "%7s  %s: %s\n", p.elapsed(), p.mu.task, p.mu.what)
}

// Say prints a line that remains.
func (p *Progress) Say(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
	fmt.Fprintf(p.out, format+"\n", args...)
	p.drawLocked()
}

// End removes the bar.
func (p *Progress) End() {
	close(p.stop)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		fmt.Fprint(p.out, "\r\033[K")
	}
	p.terminal = false
}

func (p *Progress) elapsed() time.Duration { return time.Since(p.begun).Round(time.Second) }

func (p *Progress) drawLocked() {
	if !p.terminal || p.mu.done < 0 {
		return
	}
	const most = 100 // columns: a longer line would wrap and remain
	text := fmt.Sprintf("%s %7s  %s: %s", bar(p.shareLocked()), p.elapsed(), p.mu.task, p.mu.what)
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most])
	}
	fmt.Fprintf(p.out, "\r\033[K%s", text)
}

// shareLocked returns the share that is done, from 0 to 1, if all tasks take equally long.
func (p *Progress) shareLocked() float64 {
	within := float64(min(max(0, p.mu.step), p.mu.steps)) / float64(max(1, p.mu.steps))
	return min(1, (float64(p.mu.done)+within)/float64(max(1, p.mu.tasks)))
}

func bar(share float64) string {
	const cells = 24
	full := int(share * cells)
	return fmt.Sprintf("[%s%s] %3.0f%%", strings.Repeat("#", full), strings.Repeat(".", cells-full), share*100)
}
