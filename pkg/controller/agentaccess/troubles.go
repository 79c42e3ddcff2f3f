// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"sync"

	"github.com/musterfleet/muster/pkg/controller/ownership"
)

// impossible is an error that no further try avoids. Its key rests until something on which it
// depends changes, which adds it to the queue.
type impossible string

// Error implements error.
func (i impossible) Error() string { return string(i) }

// troubles remembers which error of each key was logged last, so that each is logged once.
type troubles struct {
	mu struct {
		sync.Mutex
		last map[ownership.Owner]string
	}
}

// mostTroubles limits the keys that are remembered. Beyond that, errors are logged again.
const mostTroubles = 10_000

func newTroubles() *troubles {
	t := &troubles{}
	t.mu.last = map[ownership.Owner]string{}
	return t
}

// isNew reports whether an error differs from the last one of its key, and remembers it.
func (t *troubles) isNew(key ownership.Owner, err error) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.last[key] == err.Error() {
		return false
	}
	if len(t.mu.last) >= mostTroubles {
		clear(t.mu.last)
	}
	t.mu.last[key] = err.Error()
	return true
}

func (t *troubles) forget(key ownership.Owner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.mu.last, key)
}
