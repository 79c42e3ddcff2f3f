// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var (
	control *cluster.ControlPlane
	etcd    *cluster.Etcd
	muster  *cluster.Muster
)

// auditPolicy logs all requests in the namespaces of one test.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  namespaces: [audited]
- level: None
`

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		control = cluster.Start(t)
		etcd = cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		policy := filepath.Join(cluster.Folder(t, "audit"), "policy.yaml")
		require.NoError(t, os.WriteFile(policy, []byte(auditPolicy), 0o600))
		muster = cluster.Install(t, control, etcd, cluster.Options{Args: []string{
			"--audit-policy-file=" + policy, "--audit-log-path=-",
			"--tracing-config-file=" + startTracing(t),
			// Nothing behind this Service is slow to notice that a replica stops.
			"--shutdown-delay-duration=1s",
		}})
		waitDiscovered(t)
	})
}
