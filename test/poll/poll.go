// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package poll waits for conditions that can only be polled, such as the state of another
// process. It is for tests of every module. Where a channel announces an event, no test
// needs polling; code that uses a clock is tested in testing/synctest.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pause is the time from the end of one try to the next.
const pause = 20 * time.Millisecond

// Until calls try until it returns nil or an error of Stop, until the limit has passed, or
// until ctx ends. It returns the last error.
func Until(ctx context.Context, limit time.Duration, try func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	last := errors.New("never tried to the end")
	for {
		err := try(ctx)
		var end stop
		switch {
		case err == nil:
			return nil
		case errors.As(err, &end):
			return end.error
		case ctx.Err() == nil || !errors.Is(err, ctx.Err()):
			last = err // not the error of a try that the limit cut short, which would hide the others
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %v: %w", limit, last)
		case <-time.After(pause):
		}
	}
}

// Stop marks an error that another try cannot change.
func Stop(err error) error { return stop{err} }

type stop struct{ error }

// T is the part of a *testing.T that Eventually needs.
type T interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	FailNow()
}

// Eventually fails the test unless try returns nil within the limit. The failure shows the
// last error, and the results of about at that time.
func Eventually(t T, limit time.Duration, try func(ctx context.Context) error, about ...func() string) {
	t.Helper()
	err := Until(t.Context(), limit, try)
	if err == nil {
		return
	}
	text := err.Error()
	for _, more := range about {
		text += "; " + more()
	}
	t.Errorf("%s", text)
	t.FailNow()
}
