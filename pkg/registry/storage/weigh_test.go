// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
)

// someBundles returns n Bundles whose resources differ: every tenth Bundle has a large one.
func someBundles(n int) func(i int) runtime.Object {
	all := make([]*v1alpha1.Bundle, n)
	for i := range all {
		all[i] = &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("b", i)}}
		content := "small"
		if i%10 == 3 {
			content = strings.Repeat("x", 100<<10)
		}
		all[i].Spec.Resources = []v1alpha1.BundleResource{{Name: "a.yaml", Content: content}}
	}
	return func(i int) runtime.Object { return all[i] }
}

func TestAListIsWeighedByItsJSONAndWithAllResources(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, weighSample - 1, weighSample, 100} {
		at, exact := someBundles(n), 0
		for i := range n {
			text, err := json.Marshal(at(i))
			require.NoError(t, err)
			exact += len(text)
		}
		got, err := weigh(n, at)
		require.NoError(t, err)
		require.InEpsilon(t, exact, got, 0.2, "%d", n)
		require.Len(t, at(0).(*v1alpha1.Bundle).Spec.Resources, 1, "weigh does not modify shared objects")
	}
}

func TestAListWaitsForItsMemoryAndIsThenRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 100
		s := &Store{resource: v1alpha1.Resource("bundles")}
		limits := &fair.Limits{Heavy: fair.NewBudget(2, 2), Bytes: fair.NewBudget(2<<20, 1<<20)}
		list := func(user string) (*fair.Client, error) {
			client := limits.NewClient(user, 2)
			return client, s.admitList(client.In(t.Context()), n, someBundles(n))
		}
		first, err := list("a")
		require.NoError(t, err)
		begun := time.Now()
		second, err := list("a")
		require.True(t, apierrors.IsTooManyRequests(err), "%v", err)
		require.Equal(t, listWithin, time.Since(begun))
		seconds, ok := apierrors.SuggestsClientDelay(err)
		require.True(t, ok)
		require.Equal(t, listAgain, seconds)
		second.Close()
		other, err := list("b")
		require.NoError(t, err)
		other.Close()
		go func() {
			<-time.After(time.Second)
			first.Close()
		}()
		third, err := list("a")
		require.NoError(t, err, "it waited")
		third.Close()
		err = s.admitList(limits.NewClient("a", 3).In(t.Context()), n, someBundles(n))
		require.True(t, apierrors.IsRequestEntityTooLargeError(err), "%v", err)
		require.ErrorContains(t, err, "limit=500")
		require.NoError(t, s.admitList(context.Background(), n, someBundles(n)), "the server's own lists are not limited")
	})
}
