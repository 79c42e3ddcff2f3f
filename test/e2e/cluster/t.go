// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

// T owns parts of a cluster, which end with it. It is a *testing.T, or the T of Main for
// parts that the tests of a package share.
type T interface {
	Cleanup(func())
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
	Failed() bool
	Helper()
	Logf(format string, args ...any)
	Name() string
}

var (
	_ T = (*testing.T)(nil)
	_ T = (*shared)(nil)
)

// Main is the body of a TestMain whose tests share what setup starts. It does not
// return.
func Main(m *testing.M, setup func(t T)) {
	os.Exit(run(m.Run, setup))
}

// shared is the T of Main. It may get more parts while tests run.
type shared struct {
	ctx context.Context
	mu  struct {
		sync.Mutex
		cleanups []func()
		failed   bool
	}
}

// givenUp is the value that FailNow panics with.
type givenUp struct{}

func run(tests func() int, setup func(t T)) (code int) {
	ctx, cancel := context.WithCancel(context.Background())
	t := &shared{ctx: ctx}
	defer func() {
		if cause := recover(); cause != nil {
			code = 1
			if _, ok := cause.(givenUp); !ok {
				fmt.Fprintf(os.Stderr, "panic: %v\n%s", cause, debug.Stack())
			}
		}
		cancel()
		t.mu.Lock()
		cleanups := t.mu.cleanups
		t.mu.Unlock()
		for _, cleanup := range slices.Backward(cleanups) {
			cleanup()
		}
		if t.Failed() {
			code = 1
		}
	}()
	setup(t)
	if t.Failed() {
		return 1
	}
	return tests()
}

func (t *shared) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.cleanups = append(t.mu.cleanups, f)
}

func (t *shared) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.failed
}

func (t *shared) fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.failed = true
}

func (t *shared) Context() context.Context { return t.ctx }
func (t *shared) Helper()                  {}
func (t *shared) Name() string             { return "TestMain" }

func (t *shared) Errorf(format string, args ...any) {
	t.fail()
	t.Logf(format, args...)
}

func (t *shared) FailNow() {
	t.fail()
	panic(givenUp{})
}

func (t *shared) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
