// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// However much history etcd has kept, a client that got a part of a revision gets the rest.
func TestAWatchCutInTheOldestRevisionMissesNothing(t *testing.T) {
	t.Parallel()
	const clusters = 5
	for title, test := range map[string]struct {
		// kept is the number of earlier revisions that etcd still has.
		kept int64
		// resumed says that the watch continues; otherwise it is refused.
		resumed bool
		// later says that another revision follows.
		later bool
		// rest is the number of changes of the revision that the client has yet to get.
		rest int
	}{
		"etcd has the revision before, so this one is replayed": {1, true, true, 3},
		"etcd has no earlier revision":                          {0, false, true, 3},
		"etcd has no earlier revision, and no later one":        {0, false, false, 3},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s := own(t)
			for i := range clusters {
				createCluster(t, s.clientset(t), cluster("ns", name("c", i), "env", "prod"))
			}
			createBundle(t, s.clientset(t), bundle("ns", "app", "env", "prod"))
			createBundle(t, s.clientset(t), bundle("ns", "nowhere", "env", "none")) // it moves nothing, so nothing is repeated
			before := s.revision(t)
			w := watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: whole(before)})
			moved := move(t, s.clientset(t), "app", "one")
			w.expect(watch.Modified, "app") // one of five
			w.Stop()
			_, err := s.etcd.Compact(t.Context(), moved-test.kept)
			require.NoError(t, err)
			s = s.restart(t)
			if test.later {
				createCluster(t, s.clientset(t), cluster("ns", "later", "env", "prod"))
			}
			again := watching(t, s.resource(t, "bundledeployments", ""), metav1.ListOptions{ResourceVersion: place(moved, test.rest)})
			if !test.resumed {
				status := again.status()
				require.Equal(t, metav1.StatusReasonExpired, status.Reason, "%v", status)
				require.True(t, apierrors.IsResourceExpired(apierrors.FromObject(status)))
				return
			}
			for follow := test.rest - 1; follow >= 0; follow-- {
				o := again.expect(watch.Modified, "app")
				require.Equal(t, place(moved, follow), o.GetResourceVersion())
			}
			again.expect(watch.Added, "app")
		})
	}
}
