// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package names_test

import (
	"crypto/md5"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/names"
)

func TestClusterNamespaceGivesTheKnownAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ namespace, name, want string }{
		{"fleet-local", "local", "cluster-fleet-local-local-1a3d67d0a899"},
		{"fleet-default", "prod-eu-1", "cluster-fleet-default-prod-eu-1-eb998a50c712"},
		{"fleet-local", "cluster-294db1acfa77", "cluster-fleet-local-cluster-294db1acfa77-d9ccf852678f"},
		{"fleet-default", "a-very-long-cluster-name-for-a-test-0123456789", "cluster-fleet-default-a-very-long-cluster-name-for-a-test-59462"},
	} {
		require.Equal(t, c.want, names.ClusterNamespace(c.namespace, c.name))
	}
}

func TestRegistrationNamesGiveTheKnownAnswers(t *testing.T) {
	t.Parallel()
	require.Equal(t, "c-d223b2e954f93d1220b46358e70e1e8d401708b9d6ae94f44a09c0ddcaf8d", names.RegistrationSecretName("myclient", "rnd"))
	require.Equal(t, "cluster-7dae6261ef7e", names.ClusterName("myclient"))
}

func TestKeyHashLooksAtTheFirstHundredBytesOnly(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 100)
	require.Equal(t, names.KeyHash(long), names.KeyHash(long+"x"))
	require.NotEqual(t, names.KeyHash(long), names.KeyHash(long[:99]))
	require.Len(t, names.KeyHash(""), 12)
}

func TestSafeConcat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		parts []string
		want  string // its beginning, if it is cut
		cut   int    // the length of the hash
	}{
		{"short names are joined by dashes", []string{"a", "b", "c"}, "a-b-c", 0},
		{"one part stays as it is", []string{"a"}, "a", 0},
		{"63 characters are not cut", []string{strings.Repeat("x", 63)}, strings.Repeat("x", 63), 0},
		{"64 characters are cut after the 57th and get five digits", []string{strings.Repeat("x", 64)}, strings.Repeat("x", 57) + "-", 5},
		{"a cut after a digit keeps it", []string{strings.Repeat("1", 80)}, strings.Repeat("1", 57) + "-", 5},
		{"a cut after a dash leaves the dash out and gets six digits", []string{strings.Repeat("x", 56), strings.Repeat("y", 20)}, strings.Repeat("x", 56) + "-", 6},
		{"a cut after an upper-case letter leaves it out", []string{strings.Repeat("X", 80)}, strings.Repeat("X", 56) + "-", 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := names.SafeConcat(c.parts...)
			require.LessOrEqual(t, len(got), 63)
			if c.cut == 0 {
				require.Equal(t, c.want, got)
				return
			}
			require.True(t, strings.HasPrefix(got, c.want), got)
			require.Len(t, got, len(c.want)+c.cut)
		})
	}
}

func TestHelmReleaseName(t *testing.T) {
	t.Parallel()
	sum := func(s string, n int) string {
		h := md5.Sum([]byte(s))
		return hex.EncodeToString(h[:])[:n]
	}
	long := strings.Repeat("a", 46)
	for _, c := range []struct{ name, in, want string }{
		{"a good name stays as it is", "my-app", "my-app"},
		{"slashes become dashes, without a hash", "repo/path/to", "repo-path-to"},
		{"dots and underscores become dashes, with a hash of the text", "a_b.c", "a-b-c-" + sum("a_b.c", 8)},
		{"the hash is of the text after slashes became dashes", "a/b_c", "a-b-c-" + sum("a-b_c", 8)},
		{"upper case is lowered, with a hash", "App", "app-" + sum("App", 8)},
		{"a run of characters that Helm refuses is one dash", "a___b", "a-b-" + sum("a___b", 8)},
		{"dashes collapse and are trimmed", "--a--b--", "a-b"},
		{"nothing gets a hash of nothing", "", sum("", 24)},
		{"only slashes get a hash of the text as it was", "//", sum("//", 24)},
		{"53 characters are not cut", strings.Repeat("a", 53), strings.Repeat("a", 53)},
		{"54 characters are cut at 47 and get a hash", strings.Repeat("a", 54), strings.Repeat("a", 47) + "-" + sum(strings.Repeat("a", 54), 5)},
		{"a cut after a dash adds no second one", long + "-" + long, long + "-" + sum(long+"-"+long, 5)},
		{"non-ASCII letters are dropped", "ü", sum("ü", 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := names.HelmReleaseName(c.in)
			require.Equal(t, c.want, got)
			require.LessOrEqual(t, len(got), 53)
		})
	}
}
