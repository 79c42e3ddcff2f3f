// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
)

func differ(want, have are) error {
	if len(want) == len(have) && maps.Equal(want, have) {
		return nil
	}
	return fmt.Errorf("the labels are %v and should be %v", have, want)
}

func TestAClusterFollowsItsProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", are{"own": "x"}, nil)
	w.cluster("other", nil, nil)
	w.run()
	w.profile(namespace, "c1", are{"env": "prod", "gpu": "yes"}, are{"region": "eu"})
	w.becomes("c1", are{"own": "x", "env": "prod", "gpu": "yes", "clusterprofile/region": "eu"})
	w.profile(namespace, "c1", are{"env": "test"}, are{"region": "eu", "zone": "a"})
	w.becomes("c1", are{"own": "x", "env": "test", "clusterprofile/region": "eu", "clusterprofile/zone": "a"})
	w.profile(namespace, "c1", are{"env": "test"}, are{"zone": "a"})
	w.becomes("c1", are{"own": "x", "env": "test", "clusterprofile/zone": "a"})
	w.profile("elsewhere", "other", are{"env": "prod"}, nil)
	w.profile(namespace, "none", are{"env": "prod"}, nil)
	w.becomes("other", nil)
	list, err := w.client.FleetV1alpha1().Clusters("").List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 2, "no Cluster is made for a profile")
	w.cluster("none", nil, nil)
	w.becomes("none", are{"env": "prod"})
}

func TestAnAnnotationNamesTheProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.profile(namespace, "c1", are{"from": "name"}, nil)
	w.profile(namespace, "p", are{"from": "p"}, nil)
	w.profile("inventory", "p", are{"from": "inventory"}, nil)
	w.cluster("c1", nil, are{profileAnnotation: "inventory/p"})
	w.cluster("c2", nil, are{profileAnnotation: "p"})
	w.run()
	w.becomes("c1", are{"from": "inventory"})
	w.becomes("c2", are{"from": "p"})
	w.profile("inventory", "p", are{"from": "there"}, nil)
	w.becomes("c1", are{"from": "there"})
	w.patch("c1", `{"metadata":{"annotations":{"muster.fleet.cattle.io/cluster-profile":"absent"}}}`)
	w.patch("c2", `{"metadata":{"annotations":{"muster.fleet.cattle.io/cluster-profile":"inventory/p"}}}`)
	w.becomes("c2", are{"from": "there"})
	w.becomes("c1", are{"from": "there"})
	w.patch("c1", `{"metadata":{"annotations":{"muster.fleet.cattle.io/cluster-profile":null}}}`)
	w.becomes("c1", are{"from": "name"})
}

func TestLabelsOfOtherManagersStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", are{"env": "mine", "same": "x"}, nil)
	w.run()
	w.profile(namespace, "c1", are{"env": "prod", "same": "x", "new": "y"}, are{"note": "no label"})
	w.becomes("c1", are{"env": "mine", "same": "x", "new": "y"})
	skipped := w.get("c1").Annotations[skippedAnnotation]
	require.Equal(t, `clusterprofile/note: the value of the property "note" is no valid label value; env: the field manager "author" owns it with another value`, skipped)
	// A person takes a label over, and gives one back.
	w.patch("c1", `{"metadata":{"labels":{"new":"z","env":null}}}`)
	w.becomes("c1", are{"env": "prod", "same": "x", "new": "z"})
	w.eventually(func(context.Context) error {
		if text := w.get("c1").Annotations[skippedAnnotation]; !strings.Contains(text, `new: the field manager "person"`) {
			return errors.New(text)
		}
		return nil
	})
	w.profile(namespace, "c1", are{"new": "z"}, are{"note": "fine"})
	w.becomes("c1", are{"same": "x", "new": "z", "clusterprofile/note": "fine"})
	w.eventually(func(context.Context) error {
		if text, is := w.get("c1").Annotations[skippedAnnotation]; is {
			return fmt.Errorf("the annotation says %q", text)
		}
		return nil
	})
}

// A Cluster whose annotation another client writes keeps what that client wrote.
func TestTheAnnotationOfAnotherManagerStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", are{"env": "mine"}, are{skippedAnnotation: "read this"})
	w.run()
	w.profile(namespace, "c1", are{"env": "prod", "new": "y"}, nil)
	w.becomes("c1", are{"env": "mine", "new": "y"})
	require.Equal(t, "read this", w.get("c1").Annotations[skippedAnnotation])
}

func TestWhatIsNotKnownTakesNoLabelAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", nil, nil)
	w.cluster("mark", nil, nil)
	w.run()
	all := are{"env": "prod", "clusterprofile/region": "eu"}
	w.profile(namespace, "c1", are{"env": "prod"}, are{"region": "eu"})
	w.becomes("c1", all)
	marks := 0
	stays := func(want are) {
		t.Helper()
		marks++
		mark := fmt.Sprint(marks)
		w.profile(namespace, "mark", are{"mark": mark}, nil)
		w.becomes("mark", are{"mark": mark}) // so the controller has seen what came before
		require.NoError(t, differ(want, w.get("c1").Labels))
	}
	w.deleteProfile(namespace, "c1")
	stays(all)
	w.profileSince(time.Now(), namespace, "c1", are{"env": "test"}, nil)
	w.becomes("c1", are{"env": "test", "clusterprofile/region": "eu"})
	w.profileSince(time.Now(), namespace, "c1", nil, are{"zone": "a"})
	w.becomes("c1", are{"env": "test", "clusterprofile/region": "eu", "clusterprofile/zone": "a"})
	// Two seconds later the profile is a minute old, and nothing else happens.
	w.deleteProfile(namespace, "c1")
	w.profileSince(time.Now().Add(2*time.Second-young), namespace, "c1", nil, are{"zone": "a"})
	w.becomes("c1", are{"clusterprofile/zone": "a"})
	w.profile(namespace, "c1", nil, are{"zone": "no label"})
	stays(are{"clusterprofile/zone": "a"})
	w.profile(namespace, "c1", are{"env": "prod"}, nil)
	w.becomes("c1", are{"env": "prod", "clusterprofile/zone": "a"})
	w.profile(namespace, "c1", nil, are{"region": "eu"})
	w.becomes("c1", are{"clusterprofile/region": "eu"})
}

func TestOnlyChangedLabelsAreWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const n = 20
	for i := range n {
		w.cluster(fmt.Sprint("c", i), are{"env": "mine"}, nil)
		w.profile(namespace, fmt.Sprint("c", i), are{"env": "prod", "team": "a"}, are{"region": "eu"})
	}
	stop := w.run()
	for i := range n {
		w.becomes(fmt.Sprint("c", i), are{"env": "mine", "team": "a", "clusterprofile/region": "eu"})
	}
	require.EqualValues(t, n, w.writes.Load(), "one for each Cluster")
	stop()
	w.run()
	for i := range n {
		w.profile(namespace, fmt.Sprint("c", i), are{"env": "prod", "team": "a"}, are{"region": "eu"}) // with another time of observation
	}
	w.patch("c0", `{"spec":{"agentNamespace":"x"}}`)
	w.profile(namespace, "c1", are{"env": "prod", "team": "b"}, are{"region": "eu"})
	w.becomes("c1", are{"env": "mine", "team": "b", "clusterprofile/region": "eu"})
	require.EqualValues(t, n+1, w.writes.Load(), "only the change")
}

func TestAnApplyMakesNoClusterThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", nil, nil)
	gone := w.get("c1")
	require.NoError(t, w.client.FleetV1alpha1().Clusters(namespace).Delete(t.Context(), "c1", metav1.DeleteOptions{}))
	c := New(Options{Client: w.client})
	p := plan{labels: are{"env": "prod"}, skipped: are{}}
	require.True(t, apierrors.IsConflict(c.apply(t.Context(), gone, p)))
	_, err := w.client.FleetV1alpha1().Clusters(namespace).Get(t.Context(), "c1", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	w.cluster("c1", nil, nil)
	require.ErrorContains(t, c.apply(t.Context(), gone, p), "uid", "another Cluster of the name")
	require.Empty(t, w.get("c1").Labels)
}

// The view may not show yet that another manager owns a label.
func TestAConflictThatTheViewDoesNotShowIsSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", nil, nil)
	old := w.get("c1")
	w.patch("c1", `{"metadata":{"labels":{"env":"mine","example.com/team":"mine"}}}`)
	c := New(Options{Client: w.client})
	require.NoError(t, c.apply(t.Context(), old, plan{labels: are{"env": "prod", "example.com/team": "a", "new": "y"}, skipped: are{}}))
	now := w.get("c1")
	require.NoError(t, differ(are{"env": "mine", "example.com/team": "mine", "new": "y"}, now.Labels))
	require.Regexp(t, `^env: conflict with .*; example.com/team: conflict with `, now.Annotations[skippedAnnotation])
}

func TestAnInventoryThatIsNotServedIsAwaited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var served atomic.Bool
	refused := make(chan struct{}, 100)
	w.inventory.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		if served.Load() {
			return false, nil, nil
		}
		refused <- struct{}{}
		return true, nil, apierrors.NewNotFound(Resource.GroupResource(), "")
	})
	w.cluster("c1", nil, nil)
	w.profile(namespace, "c1", are{"env": "prod"}, nil)
	w.run()
	<-refused
	<-refused
	served.Store(true)
	w.becomes("c1", are{"env": "prod"})
}

// An imported Cluster may have no managedFields.
func TestAClusterWithoutManagedFieldsKeepsItsLabels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("c1", are{"env": "mine"}, nil)
	_, err := w.client.FleetV1alpha1().Clusters(namespace).Patch(t.Context(), "c1", types.JSONPatchType, []byte(`[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]`), metav1.PatchOptions{})
	require.NoError(t, err)
	require.Empty(t, w.get("c1").ManagedFields)
	w.run()
	w.profile(namespace, "c1", are{"env": "prod", "new": "y"}, nil)
	w.becomes("c1", are{"env": "mine", "new": "y"})
	require.EqualValues(t, 1, w.writes.Load())
}
