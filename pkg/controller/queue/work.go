// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// Work lets some workers take keys and do what is to be done for each. It returns when the
// context has ended and the workers are done; the queue has ended then.
//
// For a key that failed, failed logs the error and reports whether to try again after a
// delay. It is not called for errors that the end of the context causes. A panic is an error
// of its key.
func (q *Queue[K]) Work(ctx context.Context, workers int, do func(context.Context, K) error, failed func(K, error) (again bool)) {
	defer context.AfterFunc(ctx, q.ShutDown)()
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for key, ended := q.Get(); !ended; key, ended = q.Get() {
				q.turn(ctx, key, do, failed)
			}
		})
	}
	all.Wait()
}

func (q *Queue[K]) turn(ctx context.Context, key K, do func(context.Context, K) error, failed func(K, error) bool) {
	defer q.Done(key)
	switch err := try(ctx, key, do); {
	case err == nil:
		q.Forget(key)
	case ctx.Err() != nil:
	case failed(key, err):
		q.AddRateLimited(key)
	default:
		q.Forget(key)
	}
}

func try[K comparable](ctx context.Context, key K, do func(context.Context, K) error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	return do(ctx, key)
}
