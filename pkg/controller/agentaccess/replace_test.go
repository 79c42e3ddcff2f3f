// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// left returns the objects of a registration that exist.
func (w *world) left(r *v1alpha1.ClusterRegistration) []string {
	var left []string
	for _, resource := range []schema.GroupVersionResource{ownership.ClusterRoleBindings, ownership.RoleBindings, ownership.Roles, ownership.Secrets, ownership.ServiceAccounts} {
		list, err := w.metadata.Resource(resource).List(w.Ctx, metav1.ListOptions{})
		if err != nil {
			return []string{err.Error()} // the process has died
		}
		for _, object := range list.Items {
			if strings.HasSuffix(object.Annotations[ownership.Annotation], string(r.UID)) {
				left = append(left, resource.Resource+" "+object.Name)
			}
		}
	}
	return left
}

// TestAnAgentKeepsItsRightsWhileItRegistersAgain kills the controller before each of its
// writes: the earlier account has all of its rights until the new one has them.
func TestAnAgentKeepsItsRightsWhileItRegistersAgain(t *testing.T) {
	t.Parallel()
	const (
		grant = 11 // writes that a grant takes at least
		all   = 60 // more than that
	)
	client := etcdtest.Start(t).Client
	for point := range all / 3 {
		if point == all/3-1 {
			point = all
		}
		t.Run(fmt.Sprintf("killed before write %d", point+1), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, etcd.New(client, fmt.Sprintf("/muster-%d", point)))
			old := w.register("fleet", "request-old", "client", 1000)
			stop := w.run()
			w.Eventually(func() bool { return w.lacks(old) == "" }, "the first registration does not get its rights")
			stop()
			died := w.dieAfter(point)
			next := w.register("fleet", "request-new", "client", 2000)
			finished := func() bool {
				return w.lacks(next) == "" && w.stored(registrations, nameOf(old)) == nil && len(w.left(old)) == 0
			}
			stop = w.run()
			killed := false
			w.Eventually(func() bool {
				select {
				case <-died:
					killed = true
				default:
				}
				return killed || finished()
			}, "the controller neither ends nor is killed")
			stop()
			ofOld, ofNew := w.lacks(old), w.lacks(next)
			require.True(t, ofOld == "" || ofNew == "", "the earlier registration lacks %s, the new one %s", ofOld, ofNew)
			require.True(t, killed || point > grant, "nothing was killed")
			require.False(t, killed && point == all, "that was not the last write")
			w.live()
			stop = w.run()
			w.Eventually(finished, "the next run does not end as one that is not killed")
			stop()
		})
	}
}

func TestOnlyTheLastRegistrationOfAClientMakesObjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const many = 50
	var all []*v1alpha1.ClusterRegistration
	for i := range many {
		all = append(all, w.register("fleet", fmt.Sprintf("request-%d", i), "restless", int64(1000+i)))
	}
	other := w.register("other", "request", "calm", 1)
	stop := w.run()
	last := all[many-1]
	w.Eventually(func() bool {
		if w.lacks(last) != "" || w.lacks(other) != "" {
			return false
		}
		for _, r := range all[:many-1] {
			if w.stored(registrations, nameOf(r)) != nil {
				return false
			}
		}
		return true
	}, "the last registration does not replace the others")
	stop()
	w.mu.Lock()
	require.Equal(t, 2, w.mu.made["serviceaccounts"], "what was superseded has had no account")
	require.Equal(t, 2, w.mu.made["clusterrolebindings"])
	w.mu.Unlock()
	// A registration that waits for a later one is granted when that one is gone.
	again := w.register("fleet", "request-x", "restless", 5000)
	later := w.register("fleet", "request-y", "restless", 6000)
	later.Finalizers, later.DeletionTimestamp = []string{"example.com/wait"}, &later.CreationTimestamp
	w.Commit(saving(registrations, later))
	w.run()
	w.Eventually(func() bool { return w.lacks(again) == "" }, "a registration that is on its way out keeps another from its grant")
}

func TestARegistrationThatWaitsIsGrantedWhenTheLaterOneIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// The later one cannot be granted: a foreign object has the name of one of its own.
	first, later := w.register("fleet", "request-1", "client", 1000), w.register("fleet", "request-2", "client", 2000)
	_, err := w.core.CoreV1().Namespaces().Create(w.Ctx, clusterNamespace(&v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{Namespace: "unused"}}), metav1.CreateOptions{})
	require.NoError(t, err)
	role, _ := grant{later, &v1alpha1.Cluster{}}.heartbeat()
	role.Labels, role.Annotations = nil, nil
	_, err = w.core.RbacV1().Roles("fleet").Create(w.Ctx, role, metav1.CreateOptions{})
	require.NoError(t, err)
	w.run()
	w.Eventually(func() bool { return len(w.left(later)) > 0 }, "the later one is not begun")
	require.NotEmpty(t, w.lacks(first))
	w.Commit(deletion(registrations, nameOf(later)))
	w.Eventually(func() bool { return w.lacks(first) == "" }, "the first one is not granted")
}

func TestAnImpossibleNamespaceIsNotRetried(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := &Controller{Options: Options{Core: w.core}, owned: ownership.New(ownership.Options{Core: w.core})}
	for _, name := range []string{"cluster-fleet-a.b-0123456789ab", "Upper", strings.Repeat("a", 64)} {
		err := c.ensureNamespace(t.Context(), clusterNamespace(&v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{Namespace: name}}))
		require.ErrorAs(t, err, new(impossible), "%s", name)
		require.ErrorContains(t, err, name)
	}
	require.Empty(t, w.core.Actions())
}

func TestOnlyTheNewestCredentialsCanBeFetched(t *testing.T) {
	t.Parallel()
	var things []ownership.Object
	for i, second := range []int64{3, 9, 1, 9, 5} {
		things = append(things, ownership.Object{Resource: ownership.Secrets, PartialObjectMetadata: &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("c", i), CreationTimestamp: metav1.Unix(second, 0)}}})
	}
	require.Equal(t, []string{"c1", "c3", "c4"}, newest(things, 3))
	require.Len(t, newest(things, 9), 5)
	require.Empty(t, newest(nil, 9))
}

func TestEachProblemIsLoggedOnce(t *testing.T) {
	t.Parallel()
	troubles := newTroubles()
	key := ownership.Owner{Resource: record.Clusters, Name: record.Name{Namespace: "fleet", Name: "c"}}
	require.True(t, troubles.isNew(key, impossible("one")))
	require.False(t, troubles.isNew(key, impossible("one")))
	require.True(t, troubles.isNew(key, impossible("two")))
	troubles.forget(key)
	require.True(t, troubles.isNew(key, impossible("two")))
	for i := range 2 * mostTroubles {
		key.Name.Name = fmt.Sprint(i)
		require.True(t, troubles.isNew(key, impossible("two")))
	}
	require.LessOrEqual(t, len(troubles.mu.last), mostTroubles)
}
