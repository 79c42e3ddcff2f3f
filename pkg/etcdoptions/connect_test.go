// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdoptions

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/test/flakyproxy"
)

func TestConnectNamesEtcdWhenItIsStopped(t *testing.T) {
	t.Parallel()
	proxy := flakyproxy.Start(t, etcdtest.Start(t).Address())
	proxy.Cut()
	o := New()
	o.Servers = []string{"http://" + proxy.Address}
	ctx, cancel := context.WithTimeout(t.Context(), 2*connectPoll)
	defer cancel()
	_, err := o.Connect(ctx)
	require.ErrorContains(t, err, "stopped while etcd at http://"+proxy.Address)
	require.False(t, strings.HasSuffix(err.Error(), "%!w(<nil>)"), err)
}
