// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADamagedEtcdFileIsReportedInOneSentence: neither a panic nor a line of etcd's.
func TestADamagedEtcdFileIsReportedInOneSentence(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	garbage := func(n int) []byte {
		out := make([]byte, n)
		for i := range out {
			out[i] = byte(random.Uint32())
		}
		return out
	}
	type damage struct {
		file string
		do   func(content []byte) []byte
		says string
	}
	cases := map[string]damage{
		"garbage":    {"snap/db", func([]byte) []byte { return garbage(100 << 10) }, "is damaged"},
		"a text":     {"snap/db", func([]byte) []byte { return []byte("this was the database\n") }, "is damaged"},
		"nothing":    {"snap/db", func([]byte) []byte { return nil }, "is damaged"},
		"some of it": {"snap/db", func(c []byte) []byte { return c[:16*os.Getpagesize()] }, "is damaged"},
		"all of it but the metadata": {"snap/db", func(c []byte) []byte {
			return append(c[:2*os.Getpagesize():2*os.Getpagesize()], garbage(len(c)-2*os.Getpagesize())...)
		}, "is damaged"},
		"zeros for the metadata": {"snap/db", func(c []byte) []byte { return append(make([]byte, 2*os.Getpagesize()), c[2*os.Getpagesize():]...) }, "is damaged"},
		"garbage in the log":     {"wal/0000000000000000-0000000000000000.wal", func(c []byte) []byte { return append(garbage(4096), c[4096:]...) }, "cannot continue"},
		"no log":                 {"wal/0000000000000000-0000000000000000.wal", func([]byte) []byte { return nil }, ""},
	}
	whole := t.TempDir()
	first := newEtcd(t, whole)
	for i := range 200 {
		_, err := first.Client.Put(t.Context(), fmt.Sprint("key-", i), strings.Repeat("x", 1000))
		require.NoError(t, err)
	}
	require.NoError(t, first.Close())
	for title, c := range cases {
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, os.DirFS(whole)), title)
		path := filepath.Join(dir, "etcd", "member", filepath.FromSlash(c.file))
		content, err := os.ReadFile(path)
		require.NoError(t, err, title)
		require.NoError(t, os.WriteFile(path, c.do(bytes.Clone(content)), 0o600), title)
		etcd, err := Start(t.Context(), filepath.Join(dir, "etcd"), filepath.Join(dir, "etcd.log"), nil)
		if err == nil {
			require.NoError(t, etcd.Close(), title)
		}
		require.Error(t, err, title)
		require.ErrorContains(t, err, c.says, title)
		require.ErrorContains(t, err, dir, title)
		require.NotContains(t, err.Error(), "\n", title)
		require.Less(t, len(err.Error()), 1000, title)
	}
	again := newEtcd(t, whole)
	got, err := again.Client.Get(t.Context(), "key-199")
	require.NoError(t, err)
	require.Len(t, got.Kvs, 1, "the check changes nothing")
	require.NoError(t, again.Close())
}
