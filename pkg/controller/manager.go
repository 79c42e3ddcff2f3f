// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// Loop is one controller. Run works until its context ends. If it returns for any other
// reason, it is started again.
type Loop interface {
	Run(ctx context.Context) error
}

// LoopFunc makes a function a Loop.
type LoopFunc func(ctx context.Context) error

// Run implements Loop.
func (f LoopFunc) Run(ctx context.Context) error { return f(ctx) }

// Options of a Manager. With the zero Options all loops run all the time.
type Options struct {
	// Elect, if set, lets work run only while this process leads: Elected.Elect does.
	Elect func(ctx context.Context, work func(context.Context)) error
}

// A loop that ended is started again after a delay, which doubles from firstDelay to
// lastDelay. A loop that ran for longer than healAfter begins with firstDelay again.
const (
	firstDelay = 200 * time.Millisecond
	lastDelay  = 30 * time.Second
	healAfter  = time.Minute
)

// Manager runs loops, and keeps one that fails from ending the others.
type Manager struct {
	options Options
	loops   []*supervised
}

// NewManager returns a manager without loops.
func NewManager(options Options) *Manager { return &Manager{options: options} }

// Add adds a loop. Its name appears in logs and metrics.
func (m *Manager) Add(name string, loop Loop) {
	restarts.WithLabelValues(name).Add(0) // so that the series exists before the first restart
	m.loops = append(m.loops, &supervised{name: name, loop: loop})
}

// Run runs all loops until the context ends, and returns when all have ended.
func (m *Manager) Run(ctx context.Context) error {
	work := func(ctx context.Context) {
		var all sync.WaitGroup
		for _, s := range m.loops {
			all.Go(func() { s.supervise(ctx) })
		}
		all.Wait()
		<-ctx.Done() // a manager without loops waits too
	}
	if m.options.Elect != nil {
		return m.options.Elect(ctx, work)
	}
	work(ctx)
	return nil
}

// supervised is a loop and its last failure.
type supervised struct {
	name string
	loop Loop
	mu   struct {
		sync.Mutex
		failure error
		since   time.Time
	}
}

func (s *supervised) supervise(ctx context.Context) {
	defer s.note(nil)
	for delay := firstDelay; ctx.Err() == nil; delay = min(2*delay, lastDelay) {
		begun := time.Now()
		healed := time.AfterFunc(healAfter, func() { s.note(nil) })
		err := s.once(ctx)
		healed.Stop()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if time.Since(begun) > healAfter {
			delay = firstDelay
		}
		s.note(err)
		restarts.WithLabelValues(s.name).Inc()
		klog.ErrorS(err, "A controller failed and is started again", "controller", s.name, "after", delay)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
	}
}

// once runs the loop once. A panic is an error.
func (s *supervised) once(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return s.loop.Run(ctx)
}
