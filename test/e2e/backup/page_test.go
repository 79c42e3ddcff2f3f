// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const page = "backup.md"

// operator follows the page in a folder, with etcd's tools and kubectl.
type operator struct {
	etcd *cluster.Etcd
	dir  string
	// environment is that of all commands.
	environment []string
	// peers are the URLs of the members' peers, by name.
	peers   map[string]string
	members int
}

func newOperator(t *testing.T, etcd *cluster.Etcd, muster *cluster.Muster, members int) *operator {
	t.Helper()
	o := &operator{etcd: etcd, dir: t.TempDir(), members: members}
	bin := t.TempDir()
	for _, tool := range []string{"etcdctl", "etcdutl", "kubectl"} {
		require.NoError(t, os.Symlink(cluster.Program(t, tool), filepath.Join(bin, tool)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "ca.crt"), muster.CA.PEM, 0o600))
	o.environment = []string{
		"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + o.dir, "KUBECONFIG=" + control.Kubeconfig(t, control.Config),
		"MEMBER=" + etcd.Endpoints()[1%members], "ETCDCTL_CACERT=" + etcd.CAFile, "ETCDCTL_CERT=" + etcd.CertFile, "ETCDCTL_KEY=" + etcd.KeyFile,
	}
	return o
}

// run runs a script with bash, and returns its output.
func (o *operator) run(t *testing.T, script string, variables ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	command.Dir = o.dir
	command.Env = slices.Concat(o.environment, variables)
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s\n%s", script, out)
	return string(out)
}

// save runs the page's backup, and returns the revision of the snapshot.
func (o *operator) save(t *testing.T) int64 {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "muster.db")))
	o.run(t, cluster.Step(t, page, "save"))
	o.run(t, cluster.Step(t, page, "members"))
	o.readMembers(t)
	var status struct{ Revision int64 }
	require.NoError(t, json.Unmarshal([]byte(o.run(t, "etcdutl snapshot status muster.db --write-out json")), &status))
	return status.Revision
}

// readMembers parses the page's list of members: "ID, started, NAME, PEER, CLIENT, false".
func (o *operator) readMembers(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, "members.txt"))
	require.NoError(t, err)
	o.peers = map[string]string{}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ", ")
		require.GreaterOrEqual(t, len(fields), 5, line)
		o.peers[fields[2]] = fields[3]
	}
	require.Len(t, o.peers, o.members)
}

func (o *operator) lose(t *testing.T) {
	t.Helper()
	for i := range o.members {
		o.etcd.Member(i).Kill()
	}
	for i := range o.members {
		require.NoError(t, os.RemoveAll(o.etcd.DataDir(i)))
	}
}

// bump returns the bump that the page computes.
func (o *operator) bump(t *testing.T) string {
	t.Helper()
	text, ok := strings.CutPrefix(o.run(t, cluster.Step(t, page, "bump")), "BUMP=")
	require.True(t, ok)
	return strings.TrimSpace(text)
}

// restore follows the page, with a script that may differ from the page's.
func (o *operator) restore(t *testing.T, script, token, bump string) {
	t.Helper()
	var all []string
	for name, peer := range o.peers {
		all = append(all, name+"="+peer)
	}
	for i := range o.members {
		name := fmt.Sprintf("etcd-%d", i)
		o.run(t, script, "NAME="+name, "PEER_URL="+o.peers[name], "DATA_DIR="+o.etcd.DataDir(i),
			"INITIAL_CLUSTER="+strings.Join(all, ","), "TOKEN="+token, "BUMP="+bump)
	}
	for i := range o.members {
		require.NoError(t, o.etcd.Member(i).Start())
	}
	for i := range o.members {
		require.NoError(t, o.etcd.WaitReady(t.Context(), i))
	}
	o.run(t, cluster.Step(t, page, "check"))
}

// look returns what the page's step shows that agents would do, asked of one replica.
func (o *operator) look(t *testing.T, step string, replica *cluster.Replica) string {
	t.Helper()
	return o.run(t, cluster.Step(t, page, step), "REPLICA="+replica.URL)
}

func (o *operator) open(t *testing.T) {
	t.Helper()
	o.run(t, cluster.Step(t, page, "open"))
}
