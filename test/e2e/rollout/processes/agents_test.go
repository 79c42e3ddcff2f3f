// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package processes

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/rollout/history"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// agents play the agents of all Clusters.
type agents struct {
	scene.Mood
	scene.Table
	history.Diary
	// ways holds clients of each replica; agents share them, and so their connections.
	ways [][]versioned.Interface
	// reported counts acknowledged reports, watches the watches that began, and restarts the
	// agents that lost their memory.
	reported, watches, restarts atomic.Int64
}

func (a *agents) run(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for number := range scene.Clusters {
		one := &agent{
			agents: a, number: number, random: rand.New(rand.NewPCG(seed, uint64(number))),
			namespace: names.ClusterNamespace(scene.Namespace, scene.ClusterName(number)),
		}
		all.Go(func() { one.run(ctx) })
	}
	all.Wait()
}

// agent is one agent. It belongs to one goroutine.
type agent struct {
	*agents
	number    int
	namespace string
	random    *rand.Rand
	// seen holds what it saw last, and revision where its watch continues; "" means from
	// the start.
	seen     scene.Look
	revision string
}

func (a *agent) run(ctx context.Context) {
	for ctx.Err() == nil {
		replica := a.random.IntN(len(a.ways))
		client := a.ways[replica][a.number%len(a.ways[replica])]
		a.watch(ctx, client, fmt.Sprintf("replica %d", replica))
		select {
		case <-time.After(a.within(20, 200)):
		case <-ctx.Done():
		}
	}
}

func (a *agent) within(from, to int) time.Duration {
	return time.Duration(from+a.random.IntN(to-from)) * time.Millisecond
}

// watch follows the agent's namespace, and acts, until the watch breaks off or the agent
// restarts.
func (a *agent) watch(ctx context.Context, client versioned.Interface, by string) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	options := metav1.ListOptions{AllowWatchBookmarks: true, ResourceVersion: a.revision}
	anew := a.revision == ""
	if anew {
		options.SendInitialEvents, options.ResourceVersionMatch = &anew, metav1.ResourceVersionMatchNotOlderThan
	}
	stream, err := client.FleetV1alpha1().BundleDeployments(a.namespace).Watch(ctx, options)
	if err != nil {
		a.lost(err)
		return
	}
	defer stream.Stop()
	a.watches.Add(1)
	found, act := false, time.NewTimer(a.within(20, 200))
	defer act.Stop()
	for {
		select {
		case event, open := <-stream.ResultChan():
			if !open {
				return
			}
			bd, ok := event.Object.(*v1alpha1.BundleDeployment)
			switch {
			case event.Type == watch.Error:
				a.lost(apierrors.FromObject(event.Object))
				return
			case !ok || bd.Name != scene.Bundle.Name && event.Type != watch.Bookmark:
				continue
			case event.Type != watch.Bookmark:
				found = event.Type != watch.Deleted
				a.see(bd, found, by)
				act.Reset(a.within(20, 200))
			case anew && bd.Annotations[metav1.InitialEventsAnnotationKey] == "true":
				if anew = false; !found {
					a.see(bd, false, by)
				}
			}
			// Until the list is complete, no watch can continue from inside it.
			if !anew {
				a.revision = bd.ResourceVersion
			}
		case <-act.C:
			if !anew && !a.act(ctx, client) {
				return
			}
			if wait := a.within(20, 200); a.seen.Done() {
				act.Reset(10 * wait)
			} else {
				act.Reset(wait)
			}
		case <-ctx.Done():
			return
		}
	}
}

// lost forgets the revision if no server can continue from it.
func (a *agent) lost(err error) {
	if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
		a.revision = ""
	}
}

// see records what a BundleDeployment shows.
func (a *agent) see(bd *v1alpha1.BundleDeployment, there bool, by string) {
	a.seen = scene.Look{}
	if there {
		a.seen = scene.Look{There: true, ID: bd.Spec.DeploymentID, Paused: bd.Spec.Paused, Applied: bd.Status.AppliedDeploymentID, Ready: bd.Status.Ready}
		a.seen.Version, _ = scene.Version(&bd.Spec.Options) // an error leaves it 0; the test checks the ID
	}
	a.Set(a.number, a.seen)
	revision := int64(-1) // no revision, so nothing is compared
	if version, err := strconv.ParseInt(bd.ResourceVersion, 10, 64); err == nil {
		revision = view.Version(version).Revision()
	}
	a.Note(history.Seen{Revision: revision, Number: a.number, There: there, ID: a.seen.ID, By: by})
}

// act does what the agent does now; it returns false if the agent restarts.
func (a *agent) act(ctx context.Context, client versioned.Interface) bool {
	if !a.Well.Load() && a.random.IntN(200) == 0 {
		a.seen, a.revision = scene.Look{}, ""
		a.restarts.Add(1)
		return false
	}
	applied, ready, reports := a.Act(a.random, a.seen)
	if !reports {
		return true
	}
	body, err := json.Marshal(map[string]any{"status": map[string]any{"appliedDeploymentID": applied, "ready": ready}})
	if err != nil {
		return true
	}
	ctx, end := context.WithTimeout(ctx, 10*time.Second)
	defer end()
	_, err = client.FleetV1alpha1().BundleDeployments(a.namespace).Patch(ctx, scene.Bundle.Name, types.MergePatchType, body, metav1.PatchOptions{}, "status")
	if err == nil {
		a.reported.Add(1)
	}
	return true // a failed report is retried: the agent still sees the old one
}
