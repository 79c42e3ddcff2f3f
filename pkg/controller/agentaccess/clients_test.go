// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

// The oracle looks at all objects of the view.
func TestClientsAreFoundAsByLookingAtAll(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	for range 20 {
		builder := view.NewBuilder(view.Limits{Revisions: 1 + r.IntN(6), Changes: 1 + r.IntN(10)})
		views := []*view.View{builder.Load(1)}
		c := &clients{}
		for at := int64(2); at < 60; at++ {
			for range r.IntN(4) {
				name := record.Name{Namespace: fmt.Sprint("n", r.IntN(2)), Name: fmt.Sprint("x", r.IntN(4))}
				meta := metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name, CreationTimestamp: metav1.Unix(int64(r.IntN(4)), 0)}
				if r.IntN(5) == 0 {
					meta.DeletionTimestamp = &meta.CreationTimestamp
				}
				if r.IntN(5) == 0 {
					meta.Labels = map[string]string{v1alpha1.LabelClusterManagement: "other"}
				}
				id := []string{"", "a", "b"}[r.IntN(3)]
				resource := []string{record.Clusters, registrations}[r.IntN(2)]
				var object record.APIObject = &v1alpha1.Cluster{ObjectMeta: meta, Spec: v1alpha1.ClusterSpec{ClientID: id}}
				if resource == registrations {
					object = &v1alpha1.ClusterRegistration{ObjectMeta: meta, Spec: v1alpha1.ClusterRegistrationSpec{ClientID: id}}
				}
				if r.IntN(3) == 0 {
					builder.Delete(resource, name)
				} else {
					builder.Put(resource, &view.Object{ID: name, At: view.VersionAt(at), Record: &record.Object{Object: object}})
				}
			}
			views = append(views, builder.Next(at))
			if r.IntN(3) == 0 {
				continue // not every revision is read
			}
			v := views[len(views)-1-r.IntN(min(3, len(views)))] // not always the last one
			for _, resource := range []string{record.Clusters, registrations} {
				for _, namespace := range []string{"n0", "n1"} {
					for _, id := range []string{"", "a", "b", "c"} {
						var want []record.Name
						for item := range v.All(resource, record.Name{}) {
							if id != "" && item.Name().Namespace == namespace && clientID(item) == id {
								want = append(want, item.Name())
							}
						}
						got := c.of(v, resource, namespace, id)
						require.True(t, slices.Equal(want, got), "%s of %q in %s: %v, not %v", resource, id, namespace, got, want)
						if resource == registrations {
							requireLatest(t, c, v, want, namespace, id)
						}
					}
				}
			}
		}
	}
}

// requireLatest compares the last registrations of a client with a search among all of them.
func requireLatest(t *testing.T, c *clients, v *view.View, all []record.Name, namespace, id string) {
	t.Helper()
	last := int64(-1)
	var want []record.Name
	for _, name := range all {
		r := asked(v.Get(registrations, name))
		switch made := r.CreationTimestamp.Unix(); {
		case r.DeletionTimestamp != nil || len(r.Labels) > 0:
		case made > last:
			last, want = made, []record.Name{name}
		case made == last:
			want = append(want, name)
		}
	}
	require.ElementsMatch(t, want, c.latest(v, namespace, id))
	for _, name := range all {
		r := asked(v.Get(registrations, name))
		require.Equal(t, last > r.CreationTimestamp.Unix(), c.superseded(v, r), "%s", name)
	}
}
