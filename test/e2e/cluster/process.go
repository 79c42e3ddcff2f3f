// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/musterfleet/muster/test/poll"
)

// Process is a program that can be started, stopped, frozen and started again.
type Process struct {
	// Name is used in messages.
	Name string

	path   string
	args   []string
	env    []string // nil: this process's
	log    string   // file for both outputs, appended to
	stdout string   // file for the standard output, if it is needed separately

	mu struct {
		sync.Mutex
		command *exec.Cmd
		ended   chan struct{}
		offset  int64 // of the log at the last start
	}
}

// starter starts all processes from one thread that lives as long as this process: the
// kernel sends the signal "parent died" when the thread that forked dies.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range work {
			start()
		}
	}()
	return work
})

// Start starts the program. It may have run before.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runningLocked() {
		return fmt.Errorf("%s runs already", p.Name)
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return err
	}
	command := exec.Command(p.path, p.args...)
	command.Env, command.Dir = p.env, filepath.Dir(p.log)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = dieWithParent()
	if p.stdout != "" {
		out, err := os.OpenFile(p.stdout, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer out.Close()
		command.Stdout = out
	}
	started := make(chan error, 1)
	starter() <- func() { started <- command.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // how it ended does not matter
		close(ended)
	}()
	p.mu.command, p.mu.ended, p.mu.offset = command, ended, info.Size()
	return nil
}

func (p *Process) runningLocked() bool {
	if p.mu.command == nil {
		return false
	}
	select {
	case <-p.mu.ended:
		return false
	default:
		return true
	}
}

// Running reports whether the program has started and not ended; it may be paused.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runningLocked()
}

// PID returns the process id of the last start.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.command == nil {
		return 0
	}
	return p.mu.command.Process.Pid
}

// Ended returns a channel that is closed when the program of the last start has ended.
func (p *Process) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.ended == nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return p.mu.ended
}

// Signal sends a signal, unless the program has ended.
func (p *Process) Signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runningLocked() {
		_ = p.mu.command.Process.Signal(signal) // it may be ending
	}
}

// Pause stops the program from running; its connections stay open. It returns when the
// program has stopped, which takes a while on a busy machine.
func (p *Process) Pause() {
	p.Signal(syscall.SIGSTOP)
	const patience = 10 * time.Second // a program that ends in the meantime counts as stopped
	_ = poll.Until(context.Background(), patience, func(context.Context) error { return stopped(p.PID()) })
}

// stopped returns an error while a thread of a process runs. Outside of Linux it cannot
// know.
func stopped(pid int) error {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // the thread has ended
		}
		// The state follows the name, which is in parentheses and may contain anything.
		line := string(text)
		if state := strings.TrimSpace(line[strings.LastIndexByte(line, ')')+1:]); !strings.HasPrefix(state, "T") {
			return fmt.Errorf("a thread of process %d runs: %s", pid, line)
		}
	}
	return nil
}

// Resume undoes Pause.
func (p *Process) Resume() { p.Signal(syscall.SIGCONT) }

// Kill ends the program with SIGKILL and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Ended()
}

// Stop asks the program to end with SIGTERM and waits. If that takes longer than grace, it
// kills the program and returns an error.
func (p *Process) Stop(grace time.Duration) error {
	p.Signal(syscall.SIGCONT)
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.Ended():
		return nil
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %v of SIGTERM; %s", p.Name, grace, p.Tail())
	}
}

// Log returns everything that the program wrote, over all its starts.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Output returns what the program wrote to its standard output, if that was kept
// separately.
func (p *Process) Output() string {
	text, err := os.ReadFile(p.stdout)
	if err != nil {
		return ""
	}
	return string(text)
}

// Tail returns the end of Log, for messages.
func (p *Process) Tail() string {
	const most, width = 25, 400
	lines := strings.Split(strings.TrimSpace(p.Log()), "\n")
	if len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	for i, line := range lines {
		if len(line) > width {
			lines[i] = line[:width] + " ..."
		}
	}
	return fmt.Sprintf("the end of its log %s:\n\t%s", p.log, strings.Join(lines, "\n\t"))
}

// errPortTaken says that another process took a port between its choice and its use.
var errPortTaken = errors.New("the port was taken")

// ready waits until try succeeds; the error says why the program did not become ready.
func (p *Process) ready(ctx context.Context, limit time.Duration, try func(ctx context.Context) error) error {
	err := poll.Until(ctx, limit, func(ctx context.Context) error {
		err := try(ctx)
		if err != nil && !p.Running() {
			return poll.Stop(fmt.Errorf("it exited: %w", err))
		}
		return err
	})
	if err == nil {
		return nil
	}
	if p.portTaken() {
		return fmt.Errorf("%s: %w", p.Name, errPortTaken)
	}
	return fmt.Errorf("%s is not ready: %w; %s", p.Name, err, p.Tail())
}

// portTaken reports whether the last start found its port taken.
func (p *Process) portTaken() bool {
	p.mu.Lock()
	offset := p.mu.offset
	p.mu.Unlock()
	log := p.Log()
	return offset <= int64(len(log)) && strings.Contains(log[offset:], "address already in use")
}
