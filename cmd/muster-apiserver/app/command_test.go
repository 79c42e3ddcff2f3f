// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHelpDescribesTheNamedCommand(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args              []string
		contains, without []string
	}{
		"the server's names its flags, and the commands": {[]string{"--help"}, []string{"\n  preflight ", "\n  reencrypt ", "--etcd-compaction-interval", "--requestheader-client-ca-file"}, nil},
		"preflight's has its own flags only":             {[]string{"preflight", "--help"}, []string{"Say whether", "--kubeconfig"}, []string{"--etcd-compaction-interval", "--requestheader", "--tls"}},
		"reencrypt's has its own flags only":             {[]string{"reencrypt", "--help"}, []string{"Rewrite", "--etcd-servers", "--encryption-provider-config"}, []string{"--etcd-compaction-interval", "--requestheader", "--tls", "--kubeconfig"}},
		"help knows commands":                            {[]string{"help", "preflight"}, []string{"Say whether"}, []string{"--etcd-compaction-interval"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var help bytes.Buffer
			command := NewCommand(t.Context(), io.Discard)
			command.SetArgs(tc.args)
			command.SetOut(&help)
			require.NoError(t, command.Execute())
			for _, each := range tc.contains {
				require.Contains(t, help.String(), each)
			}
			for _, each := range tc.without {
				require.NotContains(t, help.String(), each)
			}
		})
	}
}
