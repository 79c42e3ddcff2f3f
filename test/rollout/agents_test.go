// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	apistorage "k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// agents play the agents of all Clusters.
type agents struct {
	world *world
	// well makes every agent do as it is told, without a failure of its own.
	well atomic.Bool
	// broken is a version that never gets ready; 0 is none.
	broken atomic.Int64
	// reported counts reports that were acknowledged.
	reported atomic.Int64
	// wrong is the first thing that no agent may ever see.
	wrong atomic.Pointer[string]
}

// crews is how many goroutines play agents.
const crews = 16

// run plays until the context ends.
func (a *agents) run(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for crew := range crews {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(crew)))
			seen := map[int]int{} // by Cluster: the version last promoted
			pause := time.NewTicker(25 * time.Millisecond)
			defer pause.Stop()
			for ctx.Err() == nil {
				s := a.world.up.Load()
				if s != nil {
					if v, err := s.engine.Current(); err == nil {
						for number := crew; number < clusters; number += crews {
							a.turn(ctx, s, v, r, number, seen)
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

// turn is what one agent does after one look at its BundleDeployment.
func (a *agents) turn(ctx context.Context, s *server, v *view.View, r *rand.Rand, number int, seen map[int]int) {
	name, ok := deployment(v, number)
	if !ok {
		return
	}
	bd, ok := v.Get(record.BundleDeployments, name).(*view.BundleDeployment)
	if !ok {
		if at := seen[number]; at > 0 {
			a.fail("revision %d: the agent of %s had version %d and finds no BundleDeployment", v.Revision, clusterName(number), at)
		}
		return
	}
	promoted := bd.Content
	if promoted.Empty() {
		return
	}
	version, err := strconv.Atoi(promoted.Options.DefaultNamespace)
	if err != nil || version < seen[number] {
		a.fail("revision %d (the BundleDeployment's is %d): the agent of %s had version %d and is told to deploy %q; the Bundle is at %q",
			v.Revision, bd.At, clusterName(number), seen[number], promoted.Options.DefaultNamespace, bd.Bundle.Bundle.Spec.DefaultNamespace)
	}
	seen[number] = version
	var applied string
	var ready bool
	if bd.Report != nil {
		status := bd.Report.Status.(*v1alpha1.BundleDeployment).Status
		applied, ready = status.AppliedDeploymentID, status.Ready
	}
	well, chance := a.well.Load(), r.IntN(1000)
	canBeReady := int64(version) != a.broken.Load()
	switch {
	case applied != promoted.DeploymentID: // deploys, unless it is busy or restarts
		if well || chance < 600 {
			a.report(ctx, s, name, promoted.DeploymentID, canBeReady && (well || chance < 500))
		}
	case !ready && canBeReady: // recovers
		if well || chance < 500 {
			a.report(ctx, s, name, applied, true)
		}
	case ready && !well && chance < 3: // fails
		a.report(ctx, s, name, applied, false)
	}
}

func (a *agents) report(ctx context.Context, s *server, name record.Name, applied string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)() // its connection breaks with the server
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

func (a *agents) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	a.wrong.CompareAndSwap(nil, &text)
}
