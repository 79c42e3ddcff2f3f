// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ledger holds the counts that the only writer of a counter knows.
type ledger struct {
	mu struct {
		sync.Mutex
		tried, acked int
		revision     string // of the last acknowledged write
		refused      map[int]bool
		acks         map[int]bool
		errors       map[string]int
	}
}

func newLedger() *ledger {
	l := &ledger{}
	l.mu.refused, l.mu.acks, l.mu.errors = map[int]bool{}, map[int]bool{0: true}, map[string]int{}
	return l
}

// write calls do with the next count; do returns the resourceVersion of its write.
func (l *ledger) write(ctx context.Context, do func(n int) (revision string, err error)) error {
	l.mu.Lock()
	l.mu.tried++
	n := l.mu.tried
	l.mu.Unlock()
	revision, err := do(n)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.mu.acked, l.mu.acks[n], l.mu.revision = n, true, revision
		return nil
	}
	if ctx.Err() != nil {
		return err // the test ends, and the result is unknown
	}
	if nothingWritten(err) {
		l.mu.refused[n] = true
	}
	l.mu.errors[kindOf(err)]++
	return err
}

// floor returns the least count that a read that begins now must show, and ceiling the
// largest that a read that has ended can show.
func (l *ledger) floor() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.acked
}

func (l *ledger) ceiling() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.tried
}

func (l *ledger) revision() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.revision
}

func (l *ledger) wasRefused(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.refused[n]
}

// summarize returns the number of acknowledged writes, and adds the errors by their kind.
func (l *ledger) summarize(failed map[string]int) (acknowledged int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for kind, n := range l.mu.errors {
		failed[kind] += n
	}
	return len(l.mu.acks) - 1
}

// missed returns the acknowledged counts strictly between two.
func (l *ledger) missed(from, to int) []int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []int
	for n := from + 1; n < to; n++ {
		if l.mu.acks[n] {
			out = append(out, n)
		}
	}
	return out
}

// nothingWritten reports whether an error guarantees that nothing was written.
func nothingWritten(err error) bool {
	return apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) ||
		strings.Contains(err.Error(), "was not written") || strings.Contains(err.Error(), "cannot give right answers now")
}

// kindOf returns the kind of an error in a summary.
func kindOf(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return "connection"
	}
	message := status.Status().Message
	for _, known := range []string{
		"error trying to reach service", "cannot give right answers now", "unknown whether it was written", "was not written", "etcd is full", "the server is currently unable", "still loading", "apiserver is shutting down",
	} {
		if strings.Contains(message, known) {
			return fmt.Sprintf("%d %s", status.Status().Code, known)
		}
	}
	return fmt.Sprintf("%d %s", status.Status().Code, status.Status().Reason)
}
