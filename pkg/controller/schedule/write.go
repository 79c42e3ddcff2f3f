// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// flags holds the fields of a Cluster's status that Schedules decide.
type flags struct{ scheduled, active bool }

// parallel is the number of Clusters that are written at a time.
const parallel = 8

// one brings the status of one Schedule up to date, adds to want the flags of its Clusters, and
// returns when it has to be looked at again.
func (s *Schedules) one(ctx context.Context, item view.Item, now time.Time, want map[record.Name]flags, alive map[types.UID]int64) (again time.Time, err error) {
	object := item.Render().(*v1alpha1.Schedule)
	if object.DeletionTimestamp != nil {
		return time.Time{}, nil // it governs nothing any more, even while a finalizer keeps it
	}
	clusters, err := s.Engine.ClustersIn(object.Namespace)
	if err != nil {
		return time.Time{}, err
	}
	generation, known := s.followed[object.UID]
	var next turn
	p, invalid := compile(&object.Spec, s.Local)
	if invalid == nil {
		next, invalid = p.turn(object.Status, clusters, known && generation != object.Generation, now)
	}
	if invalid != nil {
		next = turn{status: wrong(object.Status)}
	}
	next.status.Conditions = withReady(object.Status.Conditions, invalid, now)
	if err := s.writeStatus(ctx, object, &next.status); err != nil {
		if known {
			alive[object.UID] = generation // the change of its spec is not followed yet
		}
		return time.Time{}, err
	}
	alive[object.UID] = object.Generation
	for _, name := range next.status.MatchingClusters {
		key := record.Name{Namespace: object.Namespace, Name: name}
		want[key] = flags{scheduled: true, active: want[key].active || next.status.Active}
	}
	return next.again, nil
}

func (s *Schedules) writeStatus(ctx context.Context, object *v1alpha1.Schedule, next *v1alpha1.ScheduleStatus) error {
	was := &object.Status
	if was.Active == next.Active && was.NextStartTime.Equal(&next.NextStartTime) && slices.Equal(was.MatchingClusters, next.MatchingClusters) &&
		equality.Semantic.DeepEqual(was.Conditions, next.Conditions) {
		return nil
	}
	status := map[string]any{"active": next.Active, "matchingClusters": next.MatchingClusters, "conditions": next.Conditions, "nextStartTime": nil}
	if !next.NextStartTime.IsZero() {
		status["nextStartTime"] = next.NextStartTime
	}
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return fmt.Errorf("encode the status of Schedule %s/%s: %w", object.Namespace, object.Name, err)
	}
	_, err = s.Client.FleetV1alpha1().Schedules(object.Namespace).Patch(ctx, object.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write the status of Schedule %s/%s: %w", object.Namespace, object.Name, err)
	}
	return nil
}

// writeFlags writes the flags of all Clusters that differ, including those that no Schedule
// governs any more.
func (s *Schedules) writeFlags(ctx context.Context, v *view.View, want map[record.Name]flags) error {
	var group errgroup.Group
	group.SetLimit(parallel)
	for item := range v.All(record.Clusters, record.Name{}) {
		have, should := flagsOf(item.(*view.Object)), want[item.Name()]
		if have == should {
			continue
		}
		name := item.Name()
		group.Go(func() error {
			patch := fmt.Sprintf(`{"status":{"scheduled":%t,"activeSchedule":%t}}`, should.scheduled, should.active)
			_, err := s.Client.FleetV1alpha1().Clusters(name.Namespace).Patch(ctx, name.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
			if err != nil && !apierrors.IsNotFound(err) {
				return fmt.Errorf("write the schedule of Cluster %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// flagsOf returns the flags of a Cluster. It renders nothing.
func flagsOf(object *view.Object) flags {
	if object.Report == nil {
		return flags{}
	}
	cluster, ok := object.Report.Status.(*v1alpha1.Cluster)
	if !ok {
		return flags{}
	}
	return flags{cluster.Status.Scheduled, cluster.Status.ActiveSchedule}
}
