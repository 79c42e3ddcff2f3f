// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// restoreEtcd loses all data of etcd and restores a snapshot, by the steps of the page. One
// workspace was edited since the snapshot such that the restore installs, changes and
// uninstalls BundleDeployments. The clients edit only the BundleDeployments of the fleet.
func restoreEtcd(t *testing.T, s *scene, p *playing) {
	edited := newFleet(t, "edited", 2, 2)
	s.operator.Save(t)
	bundles := clientset(t, control.Config).FleetV1alpha1().Bundles(edited.namespace)
	require.NoError(t, bundles.Delete(t.Context(), bundleName(0), metav1.DeleteOptions{}))
	_, err := bundles.Patch(t.Context(), bundleName(1), types.MergePatchType, []byte(`{"spec":{"helm":{"values":{"count":"late"}}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	_, err = bundles.Create(t.Context(), newBundle("late"), metav1.CreateOptions{})
	require.NoError(t, err)
	shown := s.others(t, s.muster.Replicas()[0].Direct(control.Config))
	for _, r := range s.muster.Replicas()[1:] {
		require.Equal(t, shown, s.others(t, r.Direct(control.Config)), r.Name)
	}
	s.awaitDeleted(t, edited.clusters) // the deletion above, on each Cluster
	deleted := s.load.informer.othersDeleted()
	s.operator.WaitRecorded(t)

	p.begins()
	s.operator.Lose(t)
	bump := s.operator.Bump(t)
	s.operator.Restore(t, cluster.Step(t, "backup.md", "restore"), "restored", bump)
	s.hasten(t)
	s.monitor.fires(t, "MusterAPIServiceUnavailable")
	s.monitor.holds(t, "MusterClosed")

	announced := s.announced(t, s.muster.Replicas()[0])
	for _, r := range s.muster.Replicas()[1:] {
		require.Equal(t, announced, s.announced(t, r), r.Name)
	}
	want := maps.Clone(shown)
	gone := slices.Clone(deleted)
	counts := map[string]int{}
	for _, each := range announced {
		counts[each.verb]++
		require.Equal(t, each.was, shown[each.name], "%s: what clients were shown", each.name)
		if want[each.name] = each.is; each.is == "" {
			delete(want, each.name)
			gone = append(gone, each.name)
		}
	}
	require.Equal(t, map[string]int{"install": 2, "change": 2, "uninstall": 2}, counts, "of what was edited")
	require.Equal(t, deleted, s.load.informer.othersDeleted(), "agents of a closed Muster saw a deletion")

	p.repaired()
	s.operator.Open(t)
	s.muster.WaitReady(t)
	s.operator.Step(t, "backup.md", "look-again")
	for _, r := range s.muster.Replicas() {
		require.Equal(t, want, s.others(t, r.Direct(control.Config)), "%s: other changes than those announced", r.Name)
	}
	s.awaitDeleted(t, len(gone))
	require.ElementsMatch(t, gone, s.load.informer.othersDeleted(), "other deletions than those announced")
}

// awaitDeleted waits until the informer has seen so many deletions in other workspaces, since
// the edits of this drill or before.
func (s *scene) awaitDeleted(t *testing.T, atLeast int) {
	t.Helper()
	require.NoError(t, poll.Until(t.Context(), within, func(context.Context) error {
		if n := len(s.load.informer.othersDeleted()); n < atLeast {
			return fmt.Errorf("the informer saw %d deletions, not %d", n, atLeast)
		}
		return nil
	}))
}

// others returns the deployment IDs of all BundleDeployments but those of the fleet, by
// namespace and name.
func (s *scene) others(t *testing.T, config *rest.Config) map[string]string {
	t.Helper()
	list, err := clientset(t, config).FleetV1alpha1().BundleDeployments("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	ids := map[string]string{}
	for _, each := range list.Items {
		if !slices.Contains(s.fleet.homes, each.Namespace) {
			ids[each.Namespace+"/"+each.Name] = each.Spec.DeploymentID
		}
	}
	return ids
}

// action is one line of the page's look: what an agent would do, and the deployment IDs
// before and after.
type action struct{ verb, name, was, is string }

// announced returns what a replica says that agents would do, without the fleet, whose
// BundleDeployments may only change.
func (s *scene) announced(t *testing.T, r *cluster.Replica) []action {
	t.Helper()
	text, total, found := strings.Cut(s.operator.Look(t, "look", r), "Agents would ")
	require.True(t, found, text)
	var all []action
	counts := map[string]int{}
	for line := range strings.Lines(text) {
		fields := append(strings.Fields(line), "")
		each := action{verb: fields[0], name: fields[1], was: fields[2], is: fields[3]}
		if each.verb == "install" {
			each.was, each.is = "", each.was
		}
		counts[each.verb]++
		if home, _, _ := strings.Cut(each.name, "/"); !slices.Contains(s.fleet.homes, home) {
			all = append(all, each)
			continue
		}
		require.Equal(t, "change", each.verb, line)
	}
	require.Equal(t, fmt.Sprintf("install %d, change %d and uninstall %d BundleDeployments.", counts["install"], counts["change"], counts["uninstall"]), strings.TrimSpace(total))
	return all
}
