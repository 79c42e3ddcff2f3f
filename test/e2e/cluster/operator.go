// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/require"
)

const backupPage = "backup.md"

// Operator is a shell with etcd's tools and kubectl that saves and restores an etcd by the
// page on backups.
type Operator struct {
	*Shell
	etcd    *Etcd
	members int
	// peers are the URLs of the members' peers, by name.
	peers map[string]string
}

// NewOperator returns an operator of Muster and of all members of its etcd.
func NewOperator(t T, c *ControlPlane, muster *Muster, etcd *Etcd) *Operator {
	t.Helper()
	o := &Operator{Shell: NewShell(t, "etcdctl", "etcdutl", "kubectl"), etcd: etcd, members: len(etcd.Endpoints())}
	o.Administrator(t, c)
	o.Etcd(etcd, 1%o.members)
	o.Write(t, "ca.crt", muster.CA.PEM)
	return o
}

// Save makes the backup of the page, and returns the revision of the snapshot.
func (o *Operator) Save(t T) int64 {
	t.Helper()
	require.NoError(t, os.RemoveAll(filepath.Join(o.Dir, "muster.db")))
	o.Step(t, backupPage, "save")
	o.Step(t, backupPage, "members")
	o.readMembers(t)
	var status struct{ Revision int64 }
	require.NoError(t, json.Unmarshal([]byte(o.Run(t, "etcdutl snapshot status muster.db --write-out json")), &status))
	return status.Revision
}

// readMembers parses the page's list of members: "ID, started, NAME, PEER, CLIENT, false".
func (o *Operator) readMembers(t T) {
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

// Lose ends all members of etcd, and removes their data.
func (o *Operator) Lose(t T) {
	t.Helper()
	for i := range o.members {
		o.etcd.Member(i).Kill()
	}
	for i := range o.members {
		require.NoError(t, os.RemoveAll(o.etcd.DataDir(i)))
	}
}

// Bump returns the bump that the page computes.
func (o *Operator) Bump(t T) string {
	t.Helper()
	text, ok := strings.CutPrefix(o.Step(t, backupPage, "bump"), "BUMP=")
	require.True(t, ok)
	return strings.TrimSpace(text)
}

// Restore restores what Save saved, with a script that may differ from the page's, and
// starts etcd.
func (o *Operator) Restore(t T, script, token, bump string) {
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
	o.Step(t, backupPage, "check")
}

// Look returns what a step of the page shows that agents would do, asked of one replica.
func (o *Operator) Look(t T, step string, replica *Replica) string {
	t.Helper()
	return o.Step(t, backupPage, step, "REPLICA="+replica.URL)
}

// Open lets clients see what was restored.
func (o *Operator) Open(t T) {
	t.Helper()
	o.Step(t, backupPage, "open")
}
