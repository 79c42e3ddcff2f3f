// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// storedFleet holds the contents of an etcd, and what a server served from them.
type storedFleet struct {
	// Records has the keys below the prefix.
	Records           map[string][]byte  `json:"records"`
	BundleDeployments []storedDeployment `json:"bundleDeployments"`
}

type storedDeployment struct {
	Namespace string                        `json:"namespace"`
	Name      string                        `json:"name"`
	UID       types.UID                     `json:"uid"`
	Spec      v1alpha1.BundleDeploymentSpec `json:"spec"`
	Applied   string                        `json:"applied"`
}

// withoutFormats returns a fleet that was stored before records had formats. It has records
// of every type: pins, promotions, bases of roll-outs, mirrors, compact reports.
func withoutFormats(t *testing.T) storedFleet {
	t.Helper()
	data, err := os.ReadFile("testdata/fleet_without_formats.json")
	require.NoError(t, err)
	var fleet storedFleet
	require.NoError(t, json.Unmarshal(data, &fleet))
	return fleet
}

// startOn runs a server over an etcd that already holds records.
func startOn(t *testing.T, records map[string][]byte) *server {
	t.Helper()
	store := etcdtest.Start(t)
	for key, value := range records {
		_, err := store.Client.Put(t.Context(), path.Join(logPrefix, key), string(value))
		require.NoError(t, err)
	}
	// Controllers would change more records.
	return startWith(t, &allinone.Options{DataDir: t.TempDir(), WithoutControllers: true, AdjustRegistry: func(c *registry.Config) { c.Client = store.Client }})
}

func TestAFleetThatWasStoredBeforeThereWereFormatsIsServedAsItWas(t *testing.T) {
	t.Parallel()
	fleet := withoutFormats(t)
	kinds := map[string]bool{}
	for key := range fleet.Records {
		kind, _, _ := strings.Cut(strings.TrimPrefix(key, "log/"), "/")
		kinds[kind] = true
	}
	for _, kind := range []record.Type{record.TypeObject, record.TypeReport, record.TypePin, record.TypeMirror, record.TypeGuard, record.TypePromotion, record.TypeRollout, "content"} {
		require.Contains(t, kinds, string(kind))
	}
	s := startOn(t, fleet.Records)
	c := s.clientset(t)
	var got []storedDeployment
	for _, bd := range listOf(t, c.FleetV1alpha1().BundleDeployments("")).Items {
		got = append(got, storedDeployment{bd.Namespace, bd.Name, bd.UID, bd.Spec, bd.Status.AppliedDeploymentID})
	}
	require.JSONEq(t, string(marshal(t, fleet.BundleDeployments)), string(marshal(t, got)))

	// Records that are written from now on have a format.
	label(t, c, "fleet-default", "one", "zone", "other")
	merge(t, c.FleetV1alpha1().Bundles("fleet-default"), "plain", `{"spec":{"paused":true}}`)
	stored, err := s.etcd.Get(t.Context(), logPrefix+"/log/", clientv3.WithPrefix())
	require.NoError(t, err)
	written := 0
	for _, kv := range stored.Kvs {
		key := strings.TrimPrefix(string(kv.Key), logPrefix+"/")
		if string(fleet.Records[key]) == string(kv.Value) {
			continue
		}
		written++
		require.Truef(t, strings.HasPrefix(string(kv.Value), `{"v":1`) || kv.Value[0] < ' ', "%s: %.40s", key, kv.Value)
	}
	require.GreaterOrEqual(t, written, 3)
}

// TestARecordOfANewerVersionClosesTheReplica: its meaning is unknown, so the replica
// answers no read with "not found", and writes nothing.
func TestARecordOfANewerVersionClosesTheReplica(t *testing.T) {
	t.Parallel()
	s := own(t)
	c := s.clientset(t)
	createCluster(t, c, cluster("ns", "c1"))
	createBundle(t, c, bundle("ns", "app"))
	s.put(t, "log/pin/bundles/ns/app", `{"v":2,"uid":"u","generation":1}`)
	require.Eventually(t, func() bool {
		_, err := c.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(t.Context())
		return apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err)
	}, within, 10*time.Millisecond)
	client := c.FleetV1alpha1().RESTClient()
	for name, request := range map[string]*rest.Request{
		"get":    client.Get().Namespace("ns").Resource("bundles").Name("app"),
		"list":   client.Get().Resource("bundledeployments").Param("resourceVersion", "0"),
		"create": client.Post().Namespace("ns").Resource("clusters").Body(cluster("ns", "c2")),
		"delete": client.Delete().Namespace("ns").Resource("bundles").Name("app"),
	} {
		err := request.MaxRetries(0).Do(t.Context()).Error()
		require.Truef(t, apierrors.IsServiceUnavailable(err), "%s: %v", name, err)
	}
}
