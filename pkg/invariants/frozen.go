// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"bytes"
	"fmt"
	"sync"
)

// kept is how many published values are checked again.
const kept = 128

// Frozen checks that published values do not change. It keeps the last values with their
// content, and is safe for concurrent use. The zero value is ready for use.
type Frozen struct {
	mu     sync.Mutex
	values []frozen
	next   int
}

type frozen struct {
	name    string
	content func() []byte
	was     []byte
}

// Add keeps a value that is published now. content returns everything that the value says, and
// must return the same for ever. Add panics if the value that it replaces has changed.
func (f *Frozen) Add(name string, content func() []byte) {
	if !Enabled {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	value := frozen{name, content, content()}
	if len(f.values) < kept {
		f.values = append(f.values, value)
		return
	}
	f.values[f.next].check()
	f.values[f.next] = value
	f.next = (f.next + 1) % kept
}

func (v frozen) check() {
	if now := v.content(); !bytes.Equal(now, v.was) {
		panic(fmt.Sprintf("invariants: %s was written to after it was published:\n%s\nbefore:\n%s", v.name, now, v.was))
	}
}
