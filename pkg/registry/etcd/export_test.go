// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

// Waiting returns the number of writes that wait for the next group.
func Waiting(l *Log) int {
	l.together.mu.Lock()
	defer l.together.mu.Unlock()
	return len(l.together.mu.waiting)
}

// Refusal exports refusal.
func Refusal(err error) error { return refusal(err) }
