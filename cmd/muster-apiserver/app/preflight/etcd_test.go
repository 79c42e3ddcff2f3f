// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
)

func TestPreflightLooksAtEtcdIfOneIsNamed(t *testing.T) {
	t.Parallel()
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	o := etcdoptions.New()
	require.NoError(t, checkEtcd(ctx, &o, say))
	require.Contains(t, said[0], "was not checked")

	server := etcdtest.Start(t)
	o.Servers = []string{"http://" + server.Address()}
	require.NoError(t, checkEtcd(ctx, &o, say))
	require.Contains(t, said[1], "answers and is fit")

	o.Prefix = "muster"
	require.ErrorContains(t, checkEtcd(ctx, &o, say), "--etcd-prefix")
}
