// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import "sync"

// complaints remembers what was logged last about each subject, so that each is logged once.
type complaints struct {
	mu struct {
		sync.Mutex
		last map[string]string
	}
}

// mostComplaints limits the subjects that are remembered. Beyond that, errors are logged again.
const mostComplaints = 10_000

func newComplaints() *complaints {
	c := &complaints{}
	c.mu.last = map[string]string{}
	return c
}

// isNew reports whether a text differs from the last one about its subject, and remembers it.
func (c *complaints) isNew(subject, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.last[subject] == text {
		return false
	}
	if len(c.mu.last) >= mostComplaints {
		clear(c.mu.last)
	}
	c.mu.last[subject] = text
	return true
}

func (c *complaints) forget(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.last, subject)
}
