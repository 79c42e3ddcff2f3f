// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// quota is the size of etcd's database: small, so that a drill can fill it.
const quota = 48 << 20

// scene is the cluster in which all drills are played, one after the other.
type scene struct {
	etcd        *cluster.Etcd
	muster      *cluster.Muster
	controllers []*controller
	fleet       fleet
	load        *load
	monitor     *monitor
	operator    *cluster.Operator
	keys        string // the file with the keys of encryption
}

// controller is one replica of muster-controller.
type controller struct {
	*cluster.Process
	address string
	logged  int          // the length of its log at its last start
	pods    atomic.Int32 // that ran it before
}

// pod returns the name of the Pod that runs the controller.
func (c *controller) pod() string { return fmt.Sprintf("%s-%d", c.Name, c.pods.Load()) }

func newScene(t cluster.T) *scene {
	t.Helper()
	cluster.Program(t, "alerts")
	s := &scene{etcd: cluster.StartEtcd(t, 3, cluster.EtcdOptions{QuotaBytes: quota})}
	s.keys = filepath.Join(cluster.Folder(t, "keys"), "config.yaml")
	s.writeKeys(t, "one")
	encryption := "--encryption-provider-config=" + s.keys
	s.muster = cluster.Install(t, control, s.etcd, cluster.Options{
		Components: []string{"controller"},
		// The Service notices within a quarter of a second that a replica stops.
		Args: []string{"--shutdown-delay-duration=2s", encryption},
	})
	s.operator = cluster.NewOperator(t, control, s.muster, s.etcd)
	for i := range 2 {
		process, address := control.ServeController(t, s.etcd, fmt.Sprintf("muster-controller-%d", i), "--leader-elect=true", encryption,
			"--agent-api-server-url=https://kube.example.com:6443", "--agent-api-server-ca-file="+control.CAFile)
		s.controllers = append(s.controllers, &controller{Process: process, address: address})
	}
	s.fleet = newFleet(t, "shops", 4, 3)
	s.load = startLoad(t, s.fleet)
	s.monitor = startMonitor(t, s)
	return s
}

// writeKeys writes the configuration of encryption: records are written with the first key
// and read with all of them.
func (s *scene) writeKeys(t cluster.T, names ...string) {
	t.Helper()
	text := "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [bundles.fleet.cattle.io]\n  providers:\n  - aesgcm:\n      keys:\n"
	secrets := map[string]string{"one": "b25lb25lb25lb25lb25lb25lb25lb25lb25lb25lb24=", "two": "dHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHdvdHc="}
	for _, name := range names {
		text += fmt.Sprintf("      - {name: %s, secret: %s}\n", name, secrets[name])
	}
	require.NoError(t, os.WriteFile(s.keys, []byte(text), 0o600))
}

// busy returns the replica to which kube-apiserver is connected: the one with the watch of
// the informer.
func (s *scene) busy(t cluster.T) *cluster.Replica {
	t.Helper()
	const watches = `muster_watches{resource="bundledeployments"} `
	var found *cluster.Replica
	require.NoError(t, poll.Until(t.Context(), within, func(ctx context.Context) error {
		for _, r := range s.muster.Replicas() {
			each := &scraped{config: r.Direct(control.Config), keep: []string{watches}}
			each.scrape(ctx)
			if n := strings.TrimSpace(strings.TrimPrefix(each.Text, watches)); n != "" && n != "0" {
				found = r
				return nil
			}
		}
		return errors.New("no replica has the informer's watch")
	}))
	return found
}

// other returns a member of etcd other than one.
func other(member int) int { return (member + 1) % 3 }

// leader returns the replica of muster-controller that holds the Lease.
func (s *scene) leader(t cluster.T) *controller {
	t.Helper()
	i := slices.IndexFunc(s.controllers, func(c *controller) bool { return c.leads() })
	require.NotEqual(t, -1, i, "no replica of muster-controller leads")
	return s.controllers[i]
}
