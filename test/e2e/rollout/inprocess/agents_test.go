// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package inprocess

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/rollout/history"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// agents play the agents of all Clusters.
type agents struct {
	scene.Mood
	scene.Table
	history.Diary
	world *world
	// reported counts acknowledged reports.
	reported atomic.Int64
}

const crews = 16

func (a *agents) run(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for crew := range crews {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(crew)))
			pause := time.NewTicker(25 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				s := a.world.up.Load()
				if s != nil {
					if v, err := s.engine.Current(); err == nil {
						for number := crew; number < scene.Clusters; number += crews {
							a.turn(ctx, s, v, r, number)
						}
					}
				}
				select {
				case <-pause.C:
				case <-ctx.Done():
				}
			}
		})
	}
	all.Wait()
}

// turn does what one agent does after one look at its BundleDeployment.
func (a *agents) turn(ctx context.Context, s *server, v *view.View, r *rand.Rand, number int) {
	name, ok := deployment(v, number)
	if !ok {
		return
	}
	seen := look(v, name)
	if before := a.Set(number, seen); before != seen {
		a.Note(history.Seen{Revision: v.Revision, Number: number, There: seen.There, ID: seen.ID, By: "a server"})
	}
	if applied, ready, reports := a.Act(r, seen); reports {
		a.report(ctx, s, name, applied, ready)
	}
}

// look returns what an agent sees of its BundleDeployment.
func look(v *view.View, name record.Name) (seen scene.Look) {
	bd, ok := v.Get(record.BundleDeployments, name).(*view.BundleDeployment)
	if !ok {
		return seen
	}
	seen.There, seen.Paused = true, bd.Bundle.Bundle.Spec.Paused || bd.Cluster.Cluster.Spec.Paused
	if !bd.Content.Empty() {
		seen.ID = bd.Content.DeploymentID
		seen.Version, _ = scene.Version(&bd.Content.Options) // an error leaves it 0; the test checks the ID
	}
	if bd.Report != nil {
		digest := bd.Report.Digest()
		seen.Applied, seen.Ready = digest.Applied, digest.Ready
	}
	return seen
}

func (a *agents) report(ctx context.Context, s *server, name record.Name, applied string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // its connection breaks when the server stops
	var out v1alpha1.BundleDeployment
	err := s.reports.GuaranteedUpdate(ctx, "/bundledeployments/"+name.String(), &out, false, nil,
		func(in runtime.Object, _ apistorage.ResponseMeta) (runtime.Object, *uint64, error) {
			bd := in.(*v1alpha1.BundleDeployment).DeepCopy()
			bd.Status.AppliedDeploymentID, bd.Status.Ready = applied, ready
			return bd, nil, nil
		}, nil)
	if err == nil {
		a.reported.Add(1)
	}
}
