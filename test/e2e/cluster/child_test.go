// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const tick = 20 * time.Millisecond

// childVariable makes this test binary a child that starts an etcd and ends in a given way.
const childVariable = "MUSTER_E2E_CHILD"

func child(t cluster.T, how string) {
	e := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	fmt.Println("etcd", e.Addresses()[0])
	switch how {
	case "panics":
		panic("as asked")
	case "fails":
		t.FailNow()
	case "is killed":
		select {}
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	cases := []struct {
		how     string
		folders bool // remain for the next run
	}{{"ends", false}, {"fails", false}, {"panics", false}, {"is killed", true}}
	for _, c := range cases {
		t.Run("when the test binary "+c.how, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			address := runChild(t, temp, c.how)
			require.Eventually(t, func() bool {
				conn, err := net.Dial("tcp", address)
				if err == nil {
					_ = conn.Close()
				}
				return err != nil
			}, within, tick, "etcd still runs")
			left, err := filepath.Glob(filepath.Join(temp, "*"))
			require.NoError(t, err)
			if !c.folders {
				require.Empty(t, left)
				return
			}
			require.NotEmpty(t, left)
			for _, folder := range left {
				long := time.Now().Add(-time.Hour)
				require.NoError(t, os.Chtimes(filepath.Join(folder, ".owner"), long, long))
			}
			runChild(t, temp, "ends")
			left, err = filepath.Glob(filepath.Join(temp, "*"))
			require.NoError(t, err)
			require.Empty(t, left, "the next run removes the folders of a killed run")
		})
	}
}

// runChild runs a child to its end and returns the address of its etcd.
func runChild(t *testing.T, temp, how string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	command.Env = append(os.Environ(), childVariable+"="+how, "TMPDIR="+temp)
	out, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	address, found := strings.CutPrefix(strings.TrimSpace(line), "etcd ")
	require.True(t, found, line)
	if how == "is killed" {
		require.NoError(t, command.Process.Kill())
	}
	err = command.Wait()
	if how == "ends" {
		require.NoError(t, err)
	} else {
		require.Error(t, err)
	}
	return address
}
