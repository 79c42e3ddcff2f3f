// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

// fair holds keys that wait. It implements workqueue.Queue; the work queue locks it.
type fair[K comparable] struct {
	tenant func(K) string
	// turns holds the tenants that have keys, the next one first.
	turns []string
	// waiting holds the keys of each tenant in the order in which they were added.
	waiting map[string][]K
	length  int
}

func newFair[K comparable](tenant func(K) string) *fair[K] {
	return &fair[K]{tenant: tenant, waiting: map[string][]K{}}
}

// Touch implements workqueue.Queue. A key that is added again keeps its place.
func (*fair[K]) Touch(K) {}

// Push implements workqueue.Queue.
func (f *fair[K]) Push(key K) {
	tenant := f.tenant(key)
	if len(f.waiting[tenant]) == 0 {
		f.turns = append(f.turns, tenant)
	}
	f.waiting[tenant] = append(f.waiting[tenant], key)
	f.length++
}

// Len implements workqueue.Queue.
func (f *fair[K]) Len() int { return f.length }

// Pop implements workqueue.Queue.
func (f *fair[K]) Pop() K {
	tenant := f.turns[0]
	f.turns = f.turns[1:]
	keys := f.waiting[tenant]
	key := keys[0]
	if len(keys) == 1 {
		delete(f.waiting, tenant)
	} else {
		f.waiting[tenant] = keys[1:]
		f.turns = append(f.turns, tenant)
	}
	f.length--
	return key
}
