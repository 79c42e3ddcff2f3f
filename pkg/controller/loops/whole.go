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

// whole lets a controller run only while etcd continues the history of the view, and all
// records can be read that decide which BundleDeployments exist. Without one of the records,
// something may wrongly seem to be unused or to have no Cluster. After a restore of etcd, an
// operator has not yet said that its state counts.
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
			if ctx.Err() == nil && !source.Continues() {
				klog.InfoS("A controller waits until this replica is ready again", "reason", source.Ready())
			} else if ctx.Err() == nil {
				klog.InfoS("A controller waits until all records can be read", "unreadable", source.Stats().Missing)
			}
		}
		return ctx.Err()
	})
}

// await blocks until a controller may run (is), or may not (!is), or the context ends.
func await(ctx context.Context, source *engine.Engine, is bool) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	loop := follow.Loop{Source: source, Then: func(_ context.Context, v *view.View) (again time.Time) {
		if (v.Whole != view.Never && source.Continues()) == is {
			done()
		}
		return again
	}}
	_ = loop.Run(ctx)
}
