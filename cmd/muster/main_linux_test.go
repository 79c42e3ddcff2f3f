// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The states of a socket that waits for connections, as /proc/net shows them.
const (
	tcpListen       = "0A"
	unixAcceptsFlag = "00010000"
)

func TestNothingListensBesideTheAPIServer(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "--secure-port", "0")
	t.Cleanup(func() { _ = p.Process.Kill(); _, _ = p.end(t) })
	proc := filepath.Join("/proc", fmt.Sprint(p.Process.Pid))

	// The files below net list the sockets of all processes; those of the process are
	// among its file descriptors.
	descriptors, err := filepath.Glob(filepath.Join(proc, "fd", "*"))
	require.NoError(t, err)
	var ours []string
	for _, descriptor := range descriptors {
		if target, err := os.Readlink(descriptor); err == nil {
			ours = append(ours, target)
		}
	}
	listening := func(file string, inodeColumn, stateColumn int, state string) (local []string) {
		content, err := os.ReadFile(filepath.Join(proc, "net", file))
		if os.IsNotExist(err) {
			return nil
		}
		require.NoError(t, err)
		for line := range strings.Lines(string(content)) {
			columns := strings.Fields(line)
			if len(columns) > inodeColumn && columns[stateColumn] == state &&
				slices.Contains(ours, "socket:["+columns[inodeColumn]+"]") {
				local = append(local, columns[1])
			}
		}
		return local
	}
	sockets := slices.Concat(listening("tcp", 9, 3, tcpListen), listening("tcp6", 9, 3, tcpListen))
	require.Len(t, sockets, 1)
	// 127.0.0.1, in the machine's byte order.
	host, _, _ := strings.Cut(sockets[0], ":")
	require.Contains(t, []string{"0100007F", "7F000001"}, host)
	require.Empty(t, listening("unix", 6, 3, unixAcceptsFlag))
}
