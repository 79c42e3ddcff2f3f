// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// everythingBy encrypts everything that can be encrypted.
func everythingBy(keys *etcdtest.Keys) etcd.Option {
	return etcd.EncryptedBy(func(string) etcd.Encryption { return keys })
}

// onlyBy encrypts the records that follow one resource.
func onlyBy(keys *etcdtest.Keys, resource string) etcd.Option {
	return etcd.EncryptedBy(func(asked string) etcd.Encryption {
		if asked == resource {
			return keys
		}
		return nil
	})
}

const secret = "s3cret"

// oneOfEach returns a transaction with a record of each type, and a content.
func oneOfEach() etcd.Txn {
	name := record.Name{Namespace: "ns", Name: "a"}
	txn := etcd.Txn{Put: map[record.Key][]byte{}, Content: []etcd.Content{{ID: "s-1", Data: []byte(secret + " content")}}}
	for _, k := range []record.Key{
		record.ObjectKey(record.Bundles, name), record.ObjectKey(record.Clusters, name),
		record.ReportKey(record.BundleDeployments, name), record.ReportKey(record.Clusters, name),
		record.BundlePinKey(name), record.ClusterPinsKey(name),
		{Type: record.TypeMirror, Resource: "secrets", Name: name},
		record.DownstreamKey(name),
		record.NamespaceKey("ns"),
		record.TargetingGuardKey(),
		record.PromotionKey(name), record.RolloutKey(name), record.HolderKey(name),
	} {
		txn.Put[k] = []byte(secret + " of " + k.Path())
	}
	return txn
}

// plainOfEach is how many records of oneOfEach are never encrypted.
const plainOfEach = 3

// staysPlain reports whether a record of a path is never encrypted.
func staysPlain(path string) bool {
	return strings.Contains(path, "/guard/") || strings.Contains(path, "/holder/") || strings.Contains(path, "/mirror/namespaces/")
}

// raw returns the values as etcd stores them.
func raw(ctx context.Context, t *testing.T, client *clientv3.Client) map[string]string {
	t.Helper()
	response, err := client.Get(ctx, "/muster/", clientv3.WithPrefix())
	require.NoError(t, err)
	out := map[string]string{}
	for _, kv := range response.Kvs {
		out[string(kv.Key)] = string(kv.Value)
	}
	return out
}

func TestEncryptedRecordsAreReadAsTheyWereWritten(t *testing.T) {
	onBothClients(t, func(t *testing.T, client *clientv3.Client) {
		ctx := withDeadline(t)
		log := etcd.New(client, "/muster", everythingBy(etcdtest.NewKeys("k1")))
		txn := oneOfEach()
		revision := commit(ctx, t, log, txn)
		plain := 0
		for path, value := range raw(ctx, t, client) {
			if strings.Contains(value, secret) {
				plain++
				require.True(t, staysPlain(path), "%s is plain", path)
			}
		}
		require.Equal(t, plainOfEach, plain)

		require.Equal(t, batchOf(txn, revision), sorted(etcd.Batch{Revision: revision, Records: load(ctx, t, log, revision)}))
		got := make(chan etcd.Batch, 1)
		watching, stop := context.WithCancel(ctx)
		defer stop()
		go func() { _ = log.Watch(watching, revision-1, func(b etcd.Batch) { got <- b }) }()
		require.Equal(t, batchOf(txn, revision), sorted(<-got))
		contents, err := log.Contents(ctx, []string{"s-1"})
		require.NoError(t, err)
		require.Equal(t, map[string][]byte{"s-1": []byte(secret + " content")}, contents)
		stored, _, _, err := log.ListContents(ctx, "", 0, 0)
		require.NoError(t, err)
		require.Equal(t, secret+" content", string(stored[0].Data))

		// A deletion has no value to decrypt.
		end := etcd.Txn{Delete: []record.Key{record.ObjectKey(record.Bundles, record.Name{Namespace: "ns", Name: "a"})}}
		gone := commit(ctx, t, log, end)
		require.Equal(t, batchOf(end, gone), sorted(<-got))
	})
}

func TestRecordsAreEncryptedAsTheirResourceIs(t *testing.T) {
	t.Parallel()
	covered := map[record.Type]bool{}
	for key := range oneOfEach().Put {
		covered[key.Type] = true
	}
	require.Len(t, covered, len(record.Types), "each type of record is decided on here")
	server := etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	for resource, want := range map[string][]string{
		"bundles.fleet.cattle.io":           {"object/bundles", "pin/bundles", "pin/clusters", "promotion/bundledeployments", "rollout/bundles", "content"},
		"clusters.fleet.cattle.io":          {"object/clusters", "report/clusters"},
		"bundledeployments.fleet.cattle.io": {"report/bundledeployments"},
		"secrets":                           {"mirror/secrets", "mirror/downstream"},
		"namespaces":                        nil,
		"targeting.fleet.cattle.io":         nil,
	} {
		ctx, prefix := withDeadline(t), "/muster/"+resource
		log := etcd.New(server.Client, prefix, onlyBy(keys, resource))
		commit(ctx, t, log, oneOfEach())
		var encrypted []string
		for path, value := range raw(ctx, t, server.Client) {
			below, ours := strings.CutPrefix(path, prefix+"/")
			if !ours || strings.Contains(value, secret) {
				continue
			}
			if below, ours = strings.CutPrefix(below, "log/"); ours {
				parts := strings.Split(below, "/")
				below = parts[0] + "/" + parts[1]
			} else {
				below = "content"
			}
			encrypted = append(encrypted, below)
		}
		require.ElementsMatch(t, want, encrypted, resource)
	}
}

// TestAnUndecryptableRecordIsNeverSkipped matters because without the record its object would
// seem to be gone, and an agent would uninstall what it deployed.
func TestAnUndecryptableRecordIsNeverSkipped(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	log := etcd.New(server.Client, "/muster", everythingBy(keys))
	first := commit(ctx, t, log, put("a"))
	second := commit(ctx, t, log, oneOfEach())
	path := "/muster/log/" + key("a").Path()
	moved, err := server.Client.Get(ctx, path)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		keys   []string
		down   bool
		change func()
	}{
		"another key":              {keys: []string{"k2"}},
		"no key":                   {keys: []string{""}},
		"the keys are unavailable": {keys: []string{"k1"}, down: true},
		"a value of another record": {keys: []string{"k1"}, change: func() {
			_, err := server.Client.Put(ctx, path, raw(ctx, t, server.Client)["/muster/content/s-1"])
			require.NoError(t, err)
		}},
		"a value that was written as plain text": {keys: []string{"k1"}, change: func() {
			_, err := server.Client.Put(ctx, path, "{}")
			require.NoError(t, err)
		}},
	} {
		other := etcdtest.NewKeys(c.keys...)
		other.Fail(c.down)
		from := second
		if c.change != nil {
			c.change()
			from, err = log.Revision(ctx)
			require.NoError(t, err)
		}
		blind := etcd.New(server.Client, "/muster", everythingBy(other))
		err := blind.Load(ctx, from, func(etcd.Record) {})
		require.ErrorIs(t, err, etcd.ErrUndecryptable, name)
		// The first in the order of keys.
		first, follows := "/muster/log/mirror/downstream/ns/a", "under secrets,"
		if c.change != nil {
			first, follows = path, "under clustergroups.fleet.cattle.io,"
		}
		require.ErrorContains(t, err, first, name)
		require.ErrorContains(t, err, "--encryption-provider-config", name)
		require.ErrorContains(t, err, follows, name)
		require.True(t, etcd.Passing(err), name)
		var seen []etcd.Batch
		err = blind.Watch(ctx, from-1, func(b etcd.Batch) { seen = append(seen, b) })
		require.ErrorIs(t, err, etcd.ErrUndecryptable, name)
		require.Empty(t, seen, "%s: no part of a revision is delivered", name)
		if c.change != nil {
			_, err = server.Client.Put(ctx, path, string(moved.Kvs[0].Value))
			require.NoError(t, err)
			continue
		}
		_, err = blind.Contents(ctx, []string{"s-1"})
		require.ErrorIs(t, err, etcd.ErrUndecryptable, name)
		_, _, _, err = blind.ListContents(ctx, "", 0, 0)
		require.ErrorIs(t, err, etcd.ErrUndecryptable, name)
	}

	// A watch delivers everything before that record, so that it can be resumed there.
	keys.Use("k2", "k1")
	third := commit(ctx, t, log, put("b"))
	var seen []etcd.Batch
	onlyOld := etcd.New(server.Client, "/muster", everythingBy(etcdtest.NewKeys("k1")))
	err = onlyOld.Watch(ctx, first-1, func(b etcd.Batch) { seen = append(seen, b) })
	require.ErrorIs(t, err, etcd.ErrUndecryptable)
	require.NotEmpty(t, seen)
	require.Equal(t, batchOf(put("a"), first), seen[0])
	require.Less(t, seen[len(seen)-1].Revision, third)
}

func TestAWriteThatCannotBeEncryptedIsRefused(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	log := etcd.New(server.Client, "/muster", everythingBy(etcdtest.NewKeys()))
	_, ok, err := log.Commit(ctx, oneOfEach())
	require.ErrorIs(t, err, etcd.ErrRefused)
	require.False(t, ok)
	require.Empty(t, raw(ctx, t, server.Client))
}

func TestRotationRewritesStaleRecords(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("")
	log := etcd.New(server.Client, "/muster", everythingBy(keys))
	want := oneOfEach()
	for i := range 100 {
		want.Put[key(fmt.Sprint(i))] = []byte(fmt.Sprint(secret, i))
		want.Content = append(want.Content, etcd.Content{ID: fmt.Sprint("s-large-", i), Data: []byte(secret + strings.Repeat("x", 10<<10))})
	}
	commit(ctx, t, log, etcd.Txn{Put: want.Put})
	commit(ctx, t, log, etcd.Txn{Content: want.Content})
	_, err := server.Client.Put(ctx, "/muster/log/garbage", "no record")
	require.NoError(t, err)
	encryptable := len(want.Put) - plainOfEach + len(want.Content)

	for _, step := range []struct {
		name   string
		keys   []string
		mark   string
		stale  int
		needed string // the key that then decrypts everything
	}{
		{"plain records are encrypted", []string{"k1", ""}, "encrypted:k1:", encryptable, "k1"},
		{"nothing is left to do", []string{"k1", ""}, "encrypted:k1:", 0, "k1"},
		{"a new key replaces the old one", []string{"k2", "k1"}, "encrypted:k2:", encryptable, "k2"},
		{"encrypted records are made plain", []string{"", "k2"}, "", encryptable, ""},
	} {
		keys.Use(step.keys...)
		pages := 0
		done, err := log.Reencrypt(ctx, func(etcd.Reencrypted) { pages++ })
		require.NoError(t, err, step.name)
		require.Equal(t, etcd.Reencrypted{Seen: len(want.Put) + len(want.Content) + 1, Rewritten: step.stale}, done, step.name)
		require.Greater(t, pages, 4, step.name)
		for path, value := range raw(ctx, t, server.Client) {
			if staysPlain(path) || strings.HasSuffix(path, "garbage") {
				continue
			}
			require.Truef(t, strings.HasPrefix(value, step.mark), "%s: %s", step.name, path)
		}
		now, err := log.Revision(ctx)
		require.NoError(t, err)
		only := etcd.New(server.Client, "/muster", everythingBy(etcdtest.NewKeys(step.needed)))
		for _, r := range load(ctx, t, only, now) {
			if r.Err == nil {
				require.Equal(t, string(want.Put[r.Key]), string(r.Value), step.name)
			}
		}
		for _, content := range want.Content {
			got, err := only.Contents(ctx, []string{content.ID})
			require.NoError(t, err)
			require.Equal(t, content.Data, got[content.ID], step.name)
		}
	}
}

// TestRotationLosesNoConcurrentWrite writes to records that are being rewritten.
func TestRotationLosesNoConcurrentWrite(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	log := etcd.New(server.Client, "/muster", everythingBy(keys))
	const n = 60
	all := etcd.Txn{Put: map[record.Key][]byte{}}
	for i := range n {
		all.Put[key(fmt.Sprint(i))] = []byte("0")
	}
	commit(ctx, t, log, all)
	keys.Use("k2", "k1")
	writes := 0
	keys.BeforeEncrypt(func(path string) {
		// A write between the read and the rewrite of the first records.
		if strings.HasPrefix(path, "/muster/log/"+key("1").Path()) && writes < 3 {
			writes++
			_, err := server.Client.Put(ctx, path, string(reencrypted(ctx, t, path, fmt.Sprint(writes))))
			require.NoError(t, err)
		}
	})
	done, err := log.Reencrypt(ctx, func(etcd.Reencrypted) {})
	require.NoError(t, err)
	require.Equal(t, 3, done.Contended)
	now, err := log.Revision(ctx)
	require.NoError(t, err)
	written := 0
	for _, r := range load(ctx, t, log, now) {
		if string(r.Value) != "0" {
			written++
		}
	}
	require.Positive(t, written, "no write is undone")
	for path, value := range raw(ctx, t, server.Client) {
		require.True(t, strings.HasPrefix(value, "encrypted:k2:"), path)
	}
}

// reencrypted returns a value as a replica that does not know the new key yet writes it.
func reencrypted(ctx context.Context, t *testing.T, path, value string) []byte {
	encrypted, err := etcdtest.NewKeys("k1").Encrypt(ctx, []byte(value), []byte(path))
	require.NoError(t, err)
	return encrypted
}

func TestRotationFailsIfOthersUndoIt(t *testing.T) {
	t.Parallel()
	ctx, server := withDeadline(t), etcdtest.Start(t)
	keys := etcdtest.NewKeys("k1")
	log := etcd.New(server.Client, "/muster", everythingBy(keys))
	commit(ctx, t, log, put("a"))
	keys.Use("k2", "k1")
	keys.BeforeEncrypt(func(path string) {
		_, err := server.Client.Put(ctx, path, string(reencrypted(ctx, t, path, "x")))
		require.NoError(t, err)
	})
	_, err := log.Reencrypt(ctx, func(etcd.Reencrypted) {})
	require.ErrorContains(t, err, "give every replica the new --encryption-provider-config first")
}
