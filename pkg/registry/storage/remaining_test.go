// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/replay"
)

func somePair(r *rand.Rand, at int64) *view.BundleDeployment {
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Name: fmt.Sprintf("x%02d", r.IntN(40))}}
	return &view.BundleDeployment{
		At: view.VersionAt(at), Bundle: &view.BundleFace{Bundle: bundle},
		Cluster: &view.ClusterFace{Cluster: &v1alpha1.Cluster{}, Namespace: fmt.Sprint("n", r.IntN(4))}, Content: &derive.Content{},
	}
}

// lister is a list between two of its pages.
type lister struct {
	view  *view.View
	at    scope
	limit int64
	from  string
}

// TestAPageSaysHowManyFollow interleaves many lists: of everything and of one namespace, at
// the same and at different revisions, some from a random name. It compares each page with
// a count.
func TestAPageSaysHowManyFollow(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	s := NewComputed(record.BundleDeployments, nil, nil)
	b := view.NewBuilder(view.Limits{Revisions: 100, Changes: 1000})
	for range 60 {
		b.Put(record.BundleDeployments, somePair(r, 1))
	}
	b.Load(1)
	var lists []*lister
	for at := int64(2); at < 400; at++ {
		var now *view.View
		switch r.IntN(3) {
		case 0:
			b.Put(record.BundleDeployments, somePair(r, at))
			now = b.Next(at)
		case 1:
			b.Delete(record.BundleDeployments, somePair(r, at).Name())
			now = b.Next(at)
		default:
			now = b.Reached(at)
		}
		namespace := []string{"", "n1"}[r.IntN(2)]
		at, err := s.parse("/bundledeployments/"+namespace, true)
		require.NoError(t, err)
		from := ""
		if r.IntN(4) == 0 {
			from = s.key(somePair(r, 1).Name())
		}
		lists = append(lists, &lister{now, at, 1 + r.Int64N(20), from})
		for range 8 {
			lists[r.IntN(len(lists))].next(t, s)
		}
	}
	require.Len(t, s.remaining.mu.known, maxRemaining)
}

// next requests the next page, or the first page again after the last.
func (l *lister) next(t *testing.T, s *Store) {
	t.Helper()
	predicate := storage.Everything
	predicate.Limit = l.limit
	got := s.page(l.view, l.at, l.from, &predicate)
	var want []record.Name
	for item := range l.view.All(record.BundleDeployments, record.Name{}) {
		name := item.Name()
		if (l.at.name.Namespace == "" || name.Namespace == l.at.name.Namespace) && name.Compare(s.start(l.at, l.from, &predicate)) >= 0 {
			want = append(want, name)
		}
	}
	n := min(int(l.limit), len(want))
	require.Len(t, got.items, n)
	for i, item := range got.items {
		require.Equal(t, want[i], item.Name())
	}
	require.Equal(t, len(want) > n, got.more)
	require.EqualValues(t, len(want)-n, got.rest)
	l.from = ""
	if got.more {
		l.from = s.key(want[n-1]) + "\x00"
	}
}
