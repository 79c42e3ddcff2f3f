// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// operations.md has to explain each name that /readyz?verbose prints.
func TestThePageExplainsEveryHealthCheck(t *testing.T) {
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	muster := cluster.Install(t, control, etcd, cluster.Options{Replicas: 1, Args: []string{"--shutdown-delay-duration=1s"}})
	client, err := kubernetes.NewForConfig(muster.Direct(control.Config))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", "operations.md"))
	require.NoError(t, err)
	checks := 0
	for _, path := range []string{"/readyz", "/livez"} {
		out, err := client.RESTClient().Get().AbsPath(path).Param("verbose", "").DoRaw(t.Context())
		require.NoError(t, err)
		for line := range strings.Lines(string(out)) {
			name, ok := strings.CutPrefix(strings.TrimSuffix(line, " ok\n"), "[+]")
			if !ok {
				continue
			}
			checks++
			if hook, _, isHook := strings.Cut(name, "/"); isHook {
				name = hook + "/…"
			}
			require.Contains(t, string(text), "`"+name+"`", "operations.md does not explain it")
		}
	}
	require.Greater(t, checks, 5)
}
