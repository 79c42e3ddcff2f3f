// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// TestAMirrorThatIsOvertakenIsPlannedAgain writes a Bundle between the plan and the commit.
func TestAMirrorThatIsOvertakenIsPlannedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cluster("fleet", "c1")
	w.bundle(1, data("a"))
	overtake := func() { w.bundle(2, data("b")) }
	w.counting.before.Store(&overtake)
	w.secret(v1alpha1.SecretTypeBundleValues, data("a"))
	w.Eventually(func() bool { return w.counting.before.Load() == nil })
	w.secret(v1alpha1.SecretTypeBundleValues, data("b"))
	w.becomes(values{"c1": "b"})
	w.mirrorsBecome(record.Secrets, 1)
}

// TestPrerequisitesAreWrittenFirst writes values that bring a version into force for more
// paused Clusters than one write can keep as they are.
func TestPrerequisitesAreWrittenFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// Together, the pairs that are held keep more than fits into a request to etcd.
	const clusters = 60
	long := make([]byte, 48<<10)
	_, err := rand.Read(long)
	require.NoError(t, err)
	first := "a" + base64.StdEncoding.EncodeToString(long)
	require.Greater(t, clusters*len(long), etcd.MaxSize)
	all := func(paused bool) {
		txn := etcd.Txn{Put: map[record.Key][]byte{}}
		for i := range clusters {
			c := &v1alpha1.Cluster{ObjectMeta: controllertest.Meta(fmt.Sprintf("c%02d", i), 1)}
			c.Spec.Paused = paused
			encoded, err := (&record.Object{Object: c}).Encode()
			require.NoError(t, err)
			txn.Put[record.ObjectKey(record.Clusters, record.Name{Namespace: c.Namespace, Name: c.Name})] = encoded
		}
		w.Commit(txn)
	}
	want := values{}
	for i := range clusters {
		want[fmt.Sprintf("c%02d", i)] = first
	}
	// in waits until a version is in force, or has to wait for its values.
	in := func(waits bool) {
		w.Eventually(func() bool {
			return (w.View().Get(record.Bundles, record.Name{Namespace: "fleet", Name: "app"}).(*view.Object).Derived.Failure != "") == waits
		})
	}
	all(false)
	w.bundle(1, data(first))
	w.secret(v1alpha1.SecretTypeBundleValues, data(first))
	w.becomes(want)
	all(true)
	w.bundle(2, data("b"))
	in(true)
	w.secret(v1alpha1.SecretTypeBundleValues, data("b"))
	in(false)
	require.Equal(t, want, w.deployed(), "all are paused")
	w.bundle(3, data("c"), v1alpha1.RolloutStrategy{MaxUnavailable: new(intstr.FromInt32(1))})
	in(true)
	before := w.counting.commits.Load()
	w.secret(v1alpha1.SecretTypeBundleValues, data("c"))
	in(false)
	require.Equal(t, want, w.deployed())
	// One commit writes the values, and another removes the old ones.
	w.Eventually(func() bool { return w.counting.commits.Load()-before > 2 }, "the test no longer needs a write before the one of the values")
}
