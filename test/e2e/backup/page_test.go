// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const page = "backup.md"

// operator follows the page, with etcd's tools and kubectl.
type operator struct {
	*cluster.Shell
	etcd *cluster.Etcd
	// peers are the URLs of the members' peers, by name.
	peers   map[string]string
	members int
}

func newOperator(t *testing.T, etcd *cluster.Etcd, muster *cluster.Muster, members int) *operator {
	t.Helper()
	o := &operator{Shell: cluster.NewShell(t, "etcdctl", "etcdutl", "kubectl"), etcd: etcd, members: members}
	o.Administrator(t, control)
	o.Etcd(etcd, 1%members)
	o.Write(t, "ca.crt", muster.CA.PEM)
	return o
}

// save runs the page's backup, and returns the revision of the snapshot.
func (o *operator) save(t *testing.T) int64 {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(o.Dir, "muster.db")))
	o.Step(t, page, "save")
	o.Step(t, page, "members")
	o.readMembers(t)
	var status struct{ Revision int64 }
	require.NoError(t, json.Unmarshal([]byte(o.Run(t, "etcdutl snapshot status muster.db --write-out json")), &status))
	return status.Revision
}

// readMembers parses the page's list of members: "ID, started, NAME, PEER, CLIENT, false".
func (o *operator) readMembers(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.Dir, "members.txt"))
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
	text, ok := strings.CutPrefix(o.Step(t, page, "bump"), "BUMP=")
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
		o.Run(t, script, "NAME="+name, "PEER_URL="+o.peers[name], "DATA_DIR="+o.etcd.DataDir(i),
			"INITIAL_CLUSTER="+strings.Join(all, ","), "TOKEN="+token, "BUMP="+bump)
	}
	for i := range o.members {
		require.NoError(t, o.etcd.Member(i).Start())
	}
	for i := range o.members {
		require.NoError(t, o.etcd.WaitReady(t.Context(), i))
	}
	o.Step(t, page, "check")
}

// look returns what the page's step shows that agents would do, asked of one replica.
func (o *operator) look(t *testing.T, step string, replica *cluster.Replica) string {
	t.Helper()
	return o.Step(t, page, step, "REPLICA="+replica.URL)
}

func (o *operator) open(t *testing.T) {
	t.Helper()
	o.Step(t, page, "open")
}
