// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// hasten makes kube-apiserver check the APIService now. By itself it does so every 30
// seconds, which a measurement has to include and a test need not wait for.
func (s *scene) hasten(t *testing.T) {
	t.Helper()
	if *update {
		return
	}
	_, _, err := control.Kubectl("annotate", "--overwrite", "apiservice", cluster.APIServiceName, "example.com/look-again="+time.Now().Format("150405.000"))
	require.NoError(t, err)
}

func stopKubeAPIServer(t *testing.T, s *scene, p *playing) {
	p.begins()
	control.APIServer.Kill()
	s.load.waitFailures(t, 15)
	require.NoError(t, control.APIServer.Start())
	p.repaired()
	control.WaitReady(t)
	s.hasten(t)
}

// changeFrontProxy gives kube-apiserver another authority for the certificates that it shows
// to Muster: first both are trusted, then the certificate changes, then the operator removes
// the old authority.
func changeFrontProxy(t *testing.T, s *scene, p *playing) {
	was, is := control.FrontProxyCA, cluster.NewCA("front-proxy-2")
	p.begins()
	control.TrustFrontProxies(t, was, is)
	for _, r := range s.muster.Replicas() {
		s.waitTrust(t, r, is, true)
	}
	control.RenewFrontProxy(t, is)
	s.load.waitProgress(t, 10)
	control.TrustFrontProxies(t, is)
	// kube-apiserver adds to the ConfigMap, and never takes away what has not expired.
	change, err := json.Marshal(map[string]any{"data": map[string]string{"requestheader-client-ca-file": string(is.PEM)}})
	require.NoError(t, err)
	_, err = control.Client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Patch(t.Context(), "extension-apiserver-authentication", types.MergePatchType, change, metav1.PatchOptions{})
	require.NoError(t, err)
	for _, r := range s.muster.Replicas() {
		s.waitTrust(t, r, was, false)
	}
	s.load.waitProgress(t, 10)
}

// waitTrust waits until a replica believes what a client with a certificate of an authority
// says about its user, or refuses the client. An answer that says neither, such as one of a
// replica that is not ready, does not count.
func (s *scene) waitTrust(t *testing.T, r *cluster.Replica, ca *cluster.CA, trusted bool) {
	t.Helper()
	config := r.Proxied(ca.Client(cluster.FrontProxyName), "ann", []string{"system:masters"}, nil)
	require.NoError(t, poll.Until(t.Context(), within, func(ctx context.Context) error {
		client, err := rest.HTTPClientFor(cluster.Unshared(config))
		if err != nil {
			return poll.Stop(err)
		}
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, config.Host+groupPath, nil)
		if err != nil {
			return poll.Stop(err)
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body) // only the status counts
		wanted := []int{http.StatusOK}
		if !trusted {
			wanted = []int{http.StatusUnauthorized, http.StatusForbidden}
		}
		if !slices.Contains(wanted, response.StatusCode) {
			return fmt.Errorf("%s answers %s, not %v", r.Name, response.Status, wanted)
		}
		return nil
	}))
}

// deleteWorkspace deletes a namespace with most of the fleet.
func deleteWorkspace(t *testing.T, s *scene, p *playing) {
	doomed := newFleet(t, "doomed", 10, 5)
	s.monitor.sees(t, `muster_objects{resource="bundledeployments"} `, s.fleet.clusters*s.fleet.bundles+doomed.clusters*doomed.bundles)
	p.begins()
	_, _, err := control.Kubectl("delete", "namespace", doomed.namespace, "--timeout=55s")
	require.NoError(t, err)
	s.monitor.holds(t, "MusterBundleDeploymentsDrop")
	p.repaired()
}

// failBundle gives a Bundle a version that fails, and then one that works.
func failBundle(t *testing.T, s *scene, p *playing) {
	newFleet(t, "failing", 1, 1)
	bundles := clientset(t, control.Config).FleetV1alpha1().Bundles("failing")
	version := func(value string) {
		_, err := bundles.Patch(t.Context(), bundleName(0), types.MergePatchType, []byte(`{"spec":{"helm":{"values":{"count":"`+value+`"}}}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	p.begins()
	version("${ .ClusterLabels.region }")
	s.monitor.holds(t, "MusterBundlesFail")
	version("1")
	s.load.waitProgress(t, 5)
}

// killController kills the replica of muster-controller that works, and waits until its work
// continues.
func killController(t *testing.T, s *scene, p *playing) {
	leader := s.leader(t)
	p.begins()
	leader.Kill()
	leader.restart(t)
	api := clientset(t, control.Config).FleetV1alpha1().Clusters("led")
	control.MakeNamespace(t, "led")
	_, err := api.Create(t.Context(), newCluster(clusterName(0)), metav1.CreateOptions{})
	require.NoError(t, err)
	made, err := api.Get(t.Context(), clusterName(0), metav1.GetOptions{})
	require.NoError(t, err)
	waitNamespace(t, made.Status.Namespace)
	p.waited = time.Since(p.fault)
}

const leads = "This process leads"

// leads reports whether the process has said so since its last start.
func (c *controller) leads() bool {
	return c.Running() && strings.Contains(c.Log()[c.logged:], leads)
}

// restart starts the process again, as a kubelet does, and waits until it answers.
func (c *controller) restart(t *testing.T) {
	t.Helper()
	c.logged = len(c.Log())
	require.NoError(t, c.Start())
	require.NoError(t, poll.Until(t.Context(), within, func(ctx context.Context) error {
		_, err := cluster.ServedCertificate(ctx, c.address)
		return err
	}))
}
