// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

const (
	// filler is the prefix of records that fill etcd, and are not Muster's.
	filler = "/filler/"
	// full and noSpace are the step of the page that shows alarms, and the alarm.
	full, noSpace = "full", "alarm:NOSPACE"
)

// Fill writes records that are not Muster's until etcd refuses more. Its quota is at most
// 250 MB.
func (e *Etcd) Fill(t T) {
	t.Helper()
	value := make([]byte, 256<<10)
	for i := range 1000 {
		_, _ = rand.Read(value) // never fails
		_, err := e.Client(t).Put(t.Context(), fmt.Sprint(filler, i), string(value))
		if errors.Is(err, rpctypes.ErrNoSpace) {
			return
		}
		require.NoError(t, err)
	}
	require.Fail(t, "etcd has no quota")
}

// MakeRoom deletes what Fill wrote, and then follows the page's section on the quota.
func (o *Operator) MakeRoom(t T) {
	t.Helper()
	require.Contains(t, o.Step(t, operationsPage, full), noSpace)
	_, err := o.etcd.Client(t).Delete(t.Context(), filler, clientv3.WithPrefix())
	require.NoError(t, err)
	for _, step := range []string{"compact", "defragment", "disarm"} {
		o.Step(t, operationsPage, step)
	}
	require.NotContains(t, o.Step(t, operationsPage, full), noSpace)
}
