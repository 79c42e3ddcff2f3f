// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder holds files that the tests share while they run.
var folder string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if folder, err = os.MkdirTemp("", "kubectl-test-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(folder)
		return m.Run()
	}())
}

// muster returns the path of the program, built from this checkout.
var muster = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "muster")
	build := exec.Command("go", "build", "-o", path, "./cmd/muster")
	build.Dir = checkout
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/muster: %w\n%s", err, out)
	}
	return path, nil
})

// startMuster runs a server with an empty store until the test ends, and returns
// its kubeconfig.
func startMuster(t *testing.T) string {
	t.Helper()
	path, err := muster()
	require.NoError(t, err)
	dataDir := filepath.Join(t.TempDir(), "data")
	server := exec.Command(path, "--data-dir", dataDir, "--secure-port", "0")
	var stderr bytes.Buffer
	server.Stderr = &stderr
	stdout, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil {
			t.Errorf("muster did not end cleanly: %v\n%s", err, stderr.String())
		}
		if t.Failed() && stderr.Len() > 0 {
			t.Logf("muster said:\n%s", stderr.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err, "muster ended before it was ready: %s", stderr.String())
	require.True(t, strings.HasPrefix(line, "muster is ready on "), line)
	return filepath.Join(dataDir, "kubeconfig")
}
