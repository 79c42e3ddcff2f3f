// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// scope owns the parts of a cluster in a program: a test without a test binary. A failure
// in it ends the scope, and not the program.
type scope struct {
	ctx  context.Context
	name string
	log  func(format string, args ...any)
	mu   struct {
		sync.Mutex
		cleanups []func()
		failures []string
	}
}

var _ cluster.T = (*scope)(nil)

// givenUp is the value that FailNow panics with.
type givenUp struct{}

// within runs f with a new scope, and then all cleanups. It returns the errors of both.
func within(ctx context.Context, name string, log func(string, ...any), f func(t *scope) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &scope{ctx: ctx, name: name, log: log}
	err = t.try(func() error { return f(t) })
	cancel()
	t.mu.Lock()
	cleanups := t.mu.cleanups
	t.mu.Unlock()
	for _, cleanup := range slices.Backward(cleanups) {
		err = errors.Join(err, t.try(func() error { cleanup(); return nil }))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.failures) > 0 {
		err = errors.Join(err, errors.New(strings.Join(t.mu.failures, "; ")))
	}
	return err
}

func (t *scope) try(f func() error) (err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case givenUp:
			err = errors.New("given up") // the scope has the reason
		default:
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return f()
}

func (t *scope) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.cleanups = append(t.mu.cleanups, f)
}

func (t *scope) Errorf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.failures = append(t.mu.failures, strings.TrimSpace(fmt.Sprintf(format, args...)))
}

func (t *scope) FailNow() {
	t.Errorf("%s was given up", t.name)
	panic(givenUp{})
}

func (t *scope) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.mu.failures) > 0
}

func (t *scope) Context() context.Context        { return t.ctx }
func (t *scope) Helper()                         {}
func (t *scope) Logf(format string, args ...any) { t.log(format, args...) }
func (t *scope) Name() string                    { return t.name }
