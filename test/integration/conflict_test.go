// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

func TestAWriteConflictsOnlyOnTheRecordThatItOverwrites(t *testing.T) {
	t.Parallel()
	forEachStoredKind(t, func(t *testing.T, k kind, c dynamic.ResourceInterface) {
		if k.status == nil {
			return
		}
		one := create(t, c, k.object("one"))
		// A report does not make an edit of the spec, or its dry run, conflict.
		reported := updateStatus(t, c, k.reported(one))
		_, err := c.Update(t.Context(), k.changed(one), metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}})
		require.NoError(t, err)
		edited := update(t, c, k.changed(one))
		require.Equal(t, facts(reported), facts(edited))
		// Nor does a label or an edit of the spec make a report conflict.
		late := k.reported(reported)
		for field := range k.status {
			unstructured.RemoveNestedField(late.Object, "status", field)
		}
		updateStatus(t, c, late)
		// But a change of the same record does.
		_, err = c.UpdateStatus(t.Context(), k.reported(reported), metav1.UpdateOptions{})
		require.True(t, apierrors.IsConflict(err), "%v", err)
		for _, dry := range [][]string{nil, {metav1.DryRunAll}} {
			_, err = c.Update(t.Context(), one, metav1.UpdateOptions{DryRun: dry})
			require.True(t, apierrors.IsConflict(err), "%v", err)
		}
		// A patch that names the revision follows the same rule.
		merge(t, c, "one", `{"metadata":{"resourceVersion":"`+edited.GetResourceVersion()+`","labels":{"a":"b"}}}`)
		_, err = c.Patch(t.Context(), "one", types.MergePatchType, []byte(`{"metadata":{"resourceVersion":"`+edited.GetResourceVersion()+`","labels":{"a":"c"}}}`), metav1.PatchOptions{})
		require.True(t, apierrors.IsConflict(err), "%v", err)
	})
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	createCluster(t, s.clientset(t), cluster(ns, "c1"))
	const writers, rounds = 6, 15
	var conflicts atomic.Int64
	var all sync.WaitGroup
	for i := range writers {
		c := s.clientset(t).FleetV1alpha1().Clusters(ns)
		all.Go(func() {
			for round := range rounds {
				for {
					have, err := c.Get(t.Context(), "c1", metav1.GetOptions{})
					if err != nil {
						t.Error(err)
						return
					}
					if have.Annotations == nil {
						have.Annotations = map[string]string{}
					}
					have.Annotations[fmt.Sprintf("w%d-%d", i, round)] = ""
					_, err = c.Update(t.Context(), have, metav1.UpdateOptions{})
					if err == nil {
						break
					}
					if !apierrors.IsConflict(err) {
						t.Error(err)
						return
					}
					conflicts.Add(1)
				}
			}
		})
	}
	all.Wait()
	require.Len(t, get(t, s.resource(t, "clusters", ns), "c1").GetAnnotations(), writers*rounds)
	require.Positive(t, conflicts.Load(), "no write conflicted, so the test showed nothing")
}

func TestReportsAndEditsAtTheSameTimeAreAllAccepted(t *testing.T) {
	t.Parallel()
	s, ns := shared(t), fresh(t)
	c := s.clientset(t)
	createBundle(t, c, bundle(ns, "app"))
	createCluster(t, c, cluster(ns, "c1"))
	const rounds = 40
	var all sync.WaitGroup
	do := func(write func(i int) error) {
		all.Go(func() {
			for i := range rounds {
				if err := write(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	do(func(i int) error {
		_, err := tryLabel(t, c, ns, "c1", "i", fmt.Sprint(i))
		return err
	})
	do(func(i int) error {
		_, err := s.clientset(t).FleetV1alpha1().Clusters(ns).Patch(t.Context(), "c1", types.JSONPatchType,
			[]byte(fmt.Sprintf(`[{"op":"add","path":"/status/agent","value":{"namespace":"n%d"}}]`, i)), metav1.PatchOptions{}, "status")
		return err
	})
	do(func(i int) error {
		_, err := s.clientset(t).FleetV1alpha1().BundleDeployments(home(ns, "c1")).Patch(t.Context(), "app", types.MergePatchType,
			[]byte(fmt.Sprintf(`{"status":{"release":"r%d"}}`, i)), metav1.PatchOptions{}, "status")
		return err
	})
	all.Wait()
	end := fetch(t, c.FleetV1alpha1().Clusters(ns), "c1")
	require.Equal(t, fmt.Sprint(rounds-1), end.Labels["i"])
	require.Equal(t, fmt.Sprintf("n%d", rounds-1), end.Status.Agent.Namespace)
	require.Equal(t, fmt.Sprintf("r%d", rounds-1), release(t, s, ns, "c1", "app"))
}

func release(t *testing.T, s *server, ns, cluster, name string) string {
	t.Helper()
	return fetch(t, s.clientset(t).FleetV1alpha1().BundleDeployments(home(ns, cluster)), name).Status.Release
}
