// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// BenchmarkAnEditAmongManyProfiles measures the time from an edit of one of 10,000 profiles to
// the label in the view, and counts the writes for all others, which have to be none. It
// also reports the time in which all Clusters get their first labels.
func BenchmarkAnEditAmongManyProfiles(b *testing.B) {
	const n = 10_000
	w := newWorld(b)
	name := func(i int) string { return fmt.Sprintf("c%05d", i) }
	var group errgroup.Group
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error { w.cluster(name(i), are{"made": "here"}, nil); return nil })
		w.profile(namespace, name(i), are{"env": "prod", "team": "a"}, are{"region": "eu"})
	}
	require.NoError(b, group.Wait())
	labelled := func(key record.Name, env string) {
		for late := time.After(10 * time.Minute); ; {
			changed := w.pipeline.Engine.Wait(engine.Scope{Resource: record.Clusters})
			v, err := w.pipeline.Engine.Current()
			require.NoError(b, err)
			if objectOf(v.Get(record.Clusters, key)).GetLabels()["env"] == env {
				return
			}
			select {
			case <-changed:
			case <-late:
				require.Fail(b, "the label does not come")
			}
		}
	}
	begun := time.Now()
	stop := w.run()
	for i := range n {
		labelled(record.Name{Namespace: namespace, Name: name(i)}, "prod")
	}
	all := time.Since(begun)
	stop()
	again := w.writes.Load()
	w.run()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		env := fmt.Sprint("edit-", i)
		w.profile(namespace, name(i%n), are{"env": env, "team": "a"}, are{"region": "eu"})
		labelled(record.Name{Namespace: namespace, Name: name(i % n)}, env)
	}
	b.ReportMetric(all.Seconds(), "s/first-labels")
	b.ReportMetric(float64(w.writes.Load()-again)/float64(b.N), "writes/op")
	require.EqualValues(b, b.N, w.writes.Load()-again, "an edit is one write, and a restart none")
	w.eventually(func(context.Context) error { return w.pipeline.Engine.Ready() })
}
