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
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const page = "operations.md"

// operator follows the page in a folder, with etcd's tools.
type operator struct {
	etcd *cluster.Etcd
	dir  string
	bin  string
	// peers are the URLs of the members' peers, by name.
	peers   map[string]string
	members int
}

func newOperator(t *testing.T, etcd *cluster.Etcd, members int) *operator {
	t.Helper()
	o := &operator{etcd: etcd, dir: t.TempDir(), bin: t.TempDir(), members: members}
	for _, tool := range []string{"etcdctl", "etcdutl"} {
		require.NoError(t, os.Symlink(cluster.Program(t, tool), filepath.Join(o.bin, tool)))
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
	command.Env = append([]string{
		"PATH=" + o.bin + ":" + os.Getenv("PATH"), "MEMBER=" + o.etcd.Endpoints()[1%o.members],
		"ETCDCTL_CACERT=" + o.etcd.CAFile, "ETCDCTL_CERT=" + o.etcd.CertFile, "ETCDCTL_KEY=" + o.etcd.KeyFile,
	}, variables...)
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

// restore follows the page, with a script that may differ from the page's.
func (o *operator) restore(t *testing.T, script, token string) {
	t.Helper()
	var all []string
	for name, peer := range o.peers {
		all = append(all, name+"="+peer)
	}
	for i := range o.members {
		name := fmt.Sprintf("etcd-%d", i)
		o.run(t, script, "NAME="+name, "PEER_URL="+o.peers[name], "DATA_DIR="+o.etcd.DataDir(i),
			"INITIAL_CLUSTER="+strings.Join(all, ","), "TOKEN="+token)
	}
	for i := range o.members {
		require.NoError(t, o.etcd.Member(i).Start())
	}
	for i := range o.members {
		require.NoError(t, o.etcd.WaitReady(t.Context(), i))
	}
	o.run(t, cluster.Step(t, page, "check"))
}
