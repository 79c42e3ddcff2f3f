// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package inprocess

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	controllerrollout "github.com/musterfleet/muster/pkg/controller/rollout"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// racing is a log in which something happens between the decision of the first transaction
// that promotes and its commit.
type racing struct {
	*etcd.Log
	meanwhile func(txn etcd.Txn)
	committed chan bool // whether that transaction was committed
	once      sync.Once
}

// Commit implements the controller's Log.
func (l *racing) Commit(ctx context.Context, txn etcd.Txn) (revision int64, ok bool, err error) {
	first := false
	for key := range txn.Put {
		if key.Type == record.TypePromotion {
			l.once.Do(func() { first = true })
		}
	}
	if first {
		l.meanwhile(txn)
	}
	revision, ok, err = l.Log.Commit(ctx, txn)
	if first {
		l.committed <- ok
	}
	return revision, ok, err
}

func TestAReportBetweenADecisionAndItsCommitForcesANewDecision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// before reports whether the Cluster was ready at the decision, and meanwhile
		// whether it is ready in its report between the decision and the commit.
		before, meanwhile bool
	}{
		{"an available one turns unavailable, so there is less room than was counted", true, false},
		{"an unavailable one turns available, so nothing would hold its promotion back", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.start()
			play := &agents{world: w}
			play.Well.Store(true)
			playing, end := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { play.run(playing, 1) })
			defer all.Wait()
			defer end()
			kill := w.control()
			(&scene.Play{T: t, Mood: &play.Mood, Table: &play.Table, People: scene.NewPeople(nil, w.edit), Write: w.write}).Begin()
			kill()
			end()
			all.Wait()

			s := w.up.Load()
			v, err := s.engine.Barrier(t.Context())
			require.NoError(t, err)
			name, _ := deployment(v, 0)
			id := look(v, name).ID
			require.NotEmpty(t, id)
			play.report(t.Context(), s, name, id, c.before)
			w.write(func(b *v1alpha1.Bundle) { scene.SetVersion(b, 2) })
			_, err = s.engine.Barrier(t.Context())
			require.NoError(t, err)

			log := &racing{Log: etcd.New(w.etcd.Client, prefix), committed: make(chan bool, 1)}
			log.meanwhile = func(txn etcd.Txn) {
				if !c.before {
					require.Contains(t, txn.Put, record.PromotionKey(name), "it is promoted because it is unavailable")
				}
				play.report(t.Context(), s, name, id, c.meanwhile)
			}
			e := engine.New(log.Log, engine.DefaultOptions())
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			all.Go(func() { _ = e.Run(ctx) })
			all.Go(func() { _ = controllerrollout.New(e, log).Run(ctx) })
			require.False(t, <-log.committed)
			require.Eventually(t, func() bool {
				v, err := s.engine.Current()
				for number := range scene.Clusters {
					if name, ok := deployment(v, number); err == nil && ok && look(v, name).Version == 2 {
						return true
					}
				}
				return false
			}, scene.Within, scene.Tick, "the controller decides again")
			stop()
			all.Wait()
			w.read(t, &play.Diary)
		})
	}
}
