// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"runtime"

	"k8s.io/client-go/util/workqueue"
)

// parallel calls do with all numbers below n, several at a time and in no order.
func parallel(n int, do func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	workqueue.ParallelizeUntil(context.Background(), workers, n, do, workqueue.WithChunkSize(max(1, min(n/(4*workers), 64))))
}
