// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
)

func TestPreflightLooksAtEtcdIfOneIsNamed(t *testing.T) {
	t.Parallel()
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	o := newEtcdOptions()
	require.NoError(t, o.preflight(ctx, say))
	require.Contains(t, said[0], "was not looked at")

	server := etcdtest.Start(t)
	o.Servers = []string{"http://" + server.Address()}
	require.NoError(t, o.preflight(ctx, say))
	require.Contains(t, said[1], "answers and is fit")

	o.Prefix = "muster"
	require.ErrorContains(t, o.preflight(ctx, say), "--etcd-prefix")
}

func TestAWaitForEtcdThatIsEndedSaysWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	cable := etcdtest.Start(t).Cable(t)
	cable.Cut()
	o := newEtcdOptions()
	o.Servers = []string{"http://" + cable.Address}
	ctx, cancel := context.WithTimeout(t.Context(), 2*etcdPoll)
	defer cancel()
	_, err := o.connect(ctx)
	require.ErrorContains(t, err, "told to end while etcd at http://"+cable.Address)
	require.False(t, strings.HasSuffix(err.Error(), "%!w(<nil>)"), err)
}
