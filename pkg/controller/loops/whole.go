// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package loops

import (
	"context"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/controller"
	"github.com/musterfleet/muster/pkg/controller/follow"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// whole lets a controller run only while all records that decide which BundleDeployments
// exist can be read. Without one of them, something may wrongly seem to be unused or to have
// no Cluster.
func whole(source *engine.Engine, loop controller.Loop) controller.Loop {
	return controller.LoopFunc(func(ctx context.Context) error {
		for ctx.Err() == nil {
			await(ctx, source, true)
			running, stop := context.WithCancel(ctx)
			go func() {
				defer stop()
				await(running, source, false)
			}()
			err := loop.Run(running)
			stopped := running.Err() != nil
			stop()
			if !stopped {
				return err
			}
			if ctx.Err() == nil {
				klog.InfoS("A controller waits until all records can be read", "unreadable", source.Stats().Missing)
			}
		}
		return ctx.Err()
	})
}

// await blocks until the state is whole (is), or not whole (!is), or the context ends.
func await(ctx context.Context, source follow.Source, is bool) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	loop := follow.Loop{Source: source, Then: func(_ context.Context, v *view.View) (again time.Time) {
		if (v.Whole != view.Never) == is {
			done()
		}
		return again
	}}
	_ = loop.Run(ctx)
}
