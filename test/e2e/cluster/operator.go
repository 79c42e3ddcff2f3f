// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/pkg/restore"
	"github.com/musterfleet/muster/test/poll"
)

const (
	backupPage     = "backup.md"
	operationsPage = "operations.md"
)

// Operator is a shell with etcd's tools and kubectl that saves, restores and repairs an etcd
// by the pages of docs.
type Operator struct {
	*Shell
	muster  *Muster
	etcd    *Etcd
	members int
	// peers are the URLs of the members' peers, by name.
	peers map[string]string
}

// NewOperator returns an operator of Muster and of all members of its etcd.
func NewOperator(t T, c *ControlPlane, muster *Muster, etcd *Etcd) *Operator {
	t.Helper()
	o := &Operator{Shell: NewShell(t, "etcdctl", "etcdutl", "kubectl"), muster: muster, etcd: etcd, members: len(etcd.Endpoints())}
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

// WaitRecorded waits until the Lease of restores holds the newest revision of etcd that
// replicas have shown until now. Replicas write it every few seconds.
func (o *Operator) WaitRecorded(t T) {
	t.Helper()
	newest := int64(0)
	for _, r := range o.muster.Replicas() {
		newest = max(newest, r.revision(t))
	}
	const limit = time.Minute
	lease := restore.NewOptions(Namespace)
	require.NoError(t, poll.Until(t.Context(), limit, func(ctx context.Context) error {
		found, err := o.muster.control.Client.CoordinationV1().Leases(lease.Namespace).Get(ctx, lease.Name, metav1.GetOptions{})
		if err != nil {
			return err // no replica has recorded anything yet
		}
		recorded, err := strconv.ParseInt(found.Annotations[restore.RevisionAnnotation], 10, 64)
		if err == nil && recorded < newest {
			err = fmt.Errorf("the Lease %s holds revision %d, and clients have seen %d", lease.Name, recorded, newest)
		}
		return err
	}))
}

// revision returns the revision of etcd that a replica shows.
func (r *Replica) revision(t T) int64 {
	t.Helper()
	client, err := versioned.NewForConfig(r.Direct(r.muster.control.Config))
	require.NoError(t, err)
	list, err := client.FleetV1alpha1().Bundles("").List(t.Context(), metav1.ListOptions{Limit: 1})
	require.NoError(t, err)
	version, err := strconv.ParseInt(list.ResourceVersion, 10, 64)
	require.NoError(t, err)
	return view.Version(version).Revision()
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
