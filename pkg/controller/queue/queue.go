// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
)

// Options of a Queue.
type Options[K comparable] struct {
	// Tenant returns the tenant of a key. It must not use the queue.
	Tenant func(K) string
	// FirstRetry and LastRetry are the shortest and the longest delay of a key that failed.
	// Each delay is twice the one before it.
	FirstRetry, LastRetry time.Duration
	// Slowest is the longest delay between two turns of a key that changes all the time.
	Slowest time.Duration
	// Clock is the time; nil is the machine's.
	Clock clock.WithTicker
}

// Queue hands out keys to workers, which Work runs.
type Queue[K comparable] struct {
	workqueue.TypedRateLimitingInterface[K]
	pace  *pace[K]
	clock clock.WithTicker
}

// New returns an empty Queue.
func New[K comparable](options Options[K]) *Queue[K] {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	keys := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[K]{Clock: options.Clock, Queue: newFair(options.Tenant)})
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[K]{Clock: options.Clock, Queue: keys})
	return &Queue[K]{
		TypedRateLimitingInterface: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[K](options.FirstRetry, options.LastRetry),
			workqueue.TypedRateLimitingQueueConfig[K]{Clock: options.Clock, DelayingQueue: delaying},
		),
		pace:  newPace[K](options.Slowest),
		clock: options.Clock,
	}
}

// Get blocks until a key may have its turn, and returns that key; true if the queue has
// ended.
func (q *Queue[K]) Get() (key K, ended bool) {
	for {
		if key, ended = q.TypedRateLimitingInterface.Get(); ended {
			return key, true
		}
		wait := q.pace.take(key, q.clock.Now())
		if wait <= 0 {
			return key, false
		}
		q.AddAfter(key, wait)
		q.Done(key)
	}
}
