// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// T owns parts of a cluster, which end with it. It is a *testing.T, or the T of Within.
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

// Main is the body of a TestMain whose tests share what setup starts. It does not return.
func Main(m *testing.M, setup func(t T)) {
	code := 1
	log := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	if Within(context.Background(), "TestMain", log, func(t T) error {
		if setup(t); !t.Failed() {
			code = m.Run()
		}
		return nil
	}) != nil {
		code = 1 // Errorf has printed why
	}
	os.Exit(code)
}

// scope is the T of Within. It may get more parts while its function runs.
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

type givenUp struct{}

// Within runs f with a new T, and then all cleanups. It returns the errors of both: a failure
// or a panic ends f, and not the program. It logs these two at once, for a cleanup may hang.
func Within(ctx context.Context, name string, log func(string, ...any), f func(t T) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	t := &scope{ctx: ctx, name: name, log: log}
	t.try(func() { err = f(t) })
	cancel()
	t.mu.Lock()
	cleanups := t.mu.cleanups
	t.mu.Unlock()
	for _, cleanup := range slices.Backward(cleanups) {
		t.try(cleanup)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mu.failures) > 0 {
		err = errors.Join(err, errors.New(strings.Join(t.mu.failures, "; ")))
	}
	return err
}

func (t *scope) try(f func()) {
	defer func() {
		switch cause := recover().(type) {
		case nil, givenUp: // FailNow has noted why
		default:
			t.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	f()
}

func (t *scope) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.cleanups = append(t.mu.cleanups, f)
}

func (t *scope) Errorf(format string, args ...any) {
	failure := strings.TrimSpace(fmt.Sprintf(format, args...))
	t.log("%s", failure)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.failures = append(t.mu.failures, failure)
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
