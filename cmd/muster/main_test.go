// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	restclient "k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// beMuster makes the test binary behave as muster, so that tests see signals and exit codes.
const beMuster = "MUSTER_TEST_BE_MUSTER"

func TestMain(m *testing.M) {
	if os.Getenv(beMuster) != "" {
		options.AdjustRegistry = countStarts
		if limit, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
			options.AdjustRegistry = fill
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
				panic(err)
			}
		}
		main()
		return
	}
	os.Exit(m.Run())
}

// fileLimit bounds the size of the process's files, and makes it write until it notices. It
// stands for a full disk, which a test may not be able to mount.
const fileLimit = "MUSTER_TEST_FILE_LIMIT"

// fill writes to etcd until that ends.
func fill(c *registry.Config) {
	etcd := c.Client
	go func() {
		for i := 0; ; i++ {
			if _, err := etcd.Put(context.Background(), "key-"+strconv.Itoa(i), strings.Repeat("x", 1<<20)); err != nil {
				return
			}
		}
	}()
}

// TestAFullDiskExitsWithOneLineAndCodeOne: at a start, and while it runs.
func TestAFullDiskExitsWithOneLineAndCodeOne(t *testing.T) {
	t.Parallel()
	for title, limit := range map[string]int{
		"at the start":     32 << 20, // less than etcd's log takes at once
		"while it is used": 65 << 20,
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd, stderr := command(t, "--data-dir", dir, "--secure-port", "0")
			cmd.Env = append(cmd.Env, fileLimit+"="+strconv.Itoa(limit))
			_, err := cmd.Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 1, exit.ExitCode(), stderr.String())
			require.True(t, strings.HasPrefix(stderr.String(), "muster: "), stderr.String())
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			for _, says := range []string{dir, "cannot be written to", "(ulimit -f)", "MiB", "are free", "--data-dir", "what was acknowledged is kept"} {
				require.Contains(t, stderr.String(), says)
			}
		})
	}
}

// countStarts writes one key per start to etcd, and says which by counting those of all
// starts before.
func countStarts(c *registry.Config) {
	found, err := c.Client.Get(context.Background(), "starts", clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil {
		panic(err)
	}
	key := "starts/" + string(rune('a'+found.Count))
	if _, err := c.Client.Put(context.Background(), key, "acknowledged"); err != nil {
		panic(err)
	}
	if _, err := os.Stdout.WriteString("start " + key + "\n"); err != nil {
		panic(err)
	}
}

// command is muster with the arguments, not started.
func command(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), executable, args...)
	cmd.Env = append(os.Environ(), beMuster+"=1")
	cmd.Dir = t.TempDir()
	stderr := new(bytes.Buffer)
	cmd.Stderr = stderr
	return cmd, stderr
}

// process is a muster that has said that it is ready.
type process struct {
	*exec.Cmd
	stdout *bufio.Reader
	stderr *bytes.Buffer
	// said is what it printed until it was ready.
	said []string
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	cmd, stderr := command(t, args...)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{Cmd: cmd, stdout: bufio.NewReader(stdout), stderr: stderr}
	for {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			_ = cmd.Wait()
			require.NoError(t, err, "it ended before it was ready: %s", stderr)
		}
		p.said = append(p.said, strings.TrimSpace(line))
		if strings.HasPrefix(line, "muster is ready") {
			return p
		}
	}
}

// end reads what is left of the output, and waits.
func (p *process) end(t *testing.T) (string, error) {
	t.Helper()
	rest, err := io.ReadAll(p.stdout)
	require.NoError(t, err)
	return string(rest), p.Wait()
}

func TestAMistakeExitsWithOneLineAndCodeOne(t *testing.T) {
	t.Parallel()
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	_, taken, err := net.SplitHostPort(busy.Addr().String())
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	used := t.TempDir()
	holder := startProcess(t, "--data-dir", used, "--secure-port", "0")

	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a second start on the same directory": {[]string{"--data-dir", used, "--secure-port", "0"}, "is in use by another muster (pid "},
		"a port that is taken":                 {[]string{"--secure-port", taken}, "127.0.0.1:" + taken + " is taken by another program: stop that program, or give another port with --secure-port"},
		"a directory that is a file":           {[]string{"--data-dir", file}, "cannot be used: not a directory (give one that you may write with --data-dir)"},
		"a directory that cannot be made":      {[]string{"--data-dir", filepath.Join(file, "data")}, "cannot be used: not a directory"},
		"a directory without a name":           {[]string{"--data-dir", ""}, "--data-dir is empty"},
		"an address that is none":              {[]string{"--bind-address", "example.org"}, `--bind-address "example.org" is not an IP address`},
		"an address of another machine":        {[]string{"--bind-address", "192.0.2.1"}, "192.0.2.1 is not an address of this machine"},
		"a port that is none":                  {[]string{"--secure-port", "70000"}, "--secure-port 70000 is not a port"},
		"a flag that does not exist":           {[]string{"--no-such-flag"}, "unknown flag: --no-such-flag (muster --help lists the flags)"},
		"an argument that is no flag":          {[]string{"start", "now"}, `unknown argument "start now" (muster --help lists the flags)`},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, stderr := command(t, c.args...)
			output, err := cmd.Output()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 1, exit.ExitCode())
			require.Empty(t, string(output))
			require.True(t, strings.HasPrefix(stderr.String(), "muster: "), stderr.String())
			require.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			require.Contains(t, stderr.String(), c.says)
		})
	}
	require.NoError(t, holder.Process.Signal(syscall.SIGTERM))
	_, err = holder.end(t)
	require.NoError(t, err)
}

func TestSigtermAndSigintStopItCleanly(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, "--secure-port", "0")
			watch := p.watch(t)
			require.NoError(t, p.Process.Signal(signal))
			output, err := p.end(t)
			require.NoError(t, watch.Close())
			require.NoError(t, err, "the exit code must be 0")
			require.Empty(t, output)
			require.Empty(t, p.stderr.String(), "a normal life is silent")
		})
	}
}

// watch returns an open watch of Clusters.
func (p *process) watch(t *testing.T) io.Closer {
	t.Helper()
	stream, err := p.client(t).Get().AbsPath("/apis/fleet.cattle.io/v1alpha1/clusters").Param("watch", "true").Stream(t.Context())
	require.NoError(t, err)
	return stream
}

// client returns a client with the kubeconfig that it has written below its folder.
func (p *process) client(t *testing.T) *restclient.RESTClient {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(p.Dir, ".muster", "kubeconfig"))
	require.NoError(t, err)
	config.NegotiatedSerializer = server.Codecs
	client, err := restclient.UnversionedRESTClientFor(config)
	require.NoError(t, err)
	return client
}

func TestAcknowledgedWritesSurviveKill9(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, start := range []string{"starts/a", "starts/b", "starts/c"} {
		p := startProcess(t, "--data-dir", dir, "--secure-port", "0")
		require.Contains(t, p.said, "start "+start)
		require.NoError(t, p.Process.Kill())
		_, err := p.end(t)
		require.Error(t, err)
	}
}

func TestTheReadyLineNamesACommandThatWorks(t *testing.T) {
	t.Parallel()
	p := startProcess(t, "--secure-port", "0")
	t.Cleanup(func() { _ = p.Process.Kill(); _, _ = p.end(t) })
	ready := p.said[len(p.said)-1]
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(p.Dir, ".muster", "kubeconfig"))
	require.NoError(t, err)
	require.Equal(t, "muster is ready on "+config.Host+" - try: kubectl --kubeconfig .muster/kubeconfig get clusters -A", ready)
	require.NoError(t, p.client(t).Get().AbsPath("/apis/fleet.cattle.io/v1alpha1/clusters").Do(t.Context()).Error())
}

func TestHelpAndVersionAnswerOnTheStandardOutput(t *testing.T) {
	t.Parallel()
	for flag, says := range map[string]string{"--help": "--data-dir", "-h": "--secure-port", "--version": "muster "} {
		var out bytes.Buffer
		require.NoError(t, app.Execute(t.Context(), app.NewOptions(), []string{flag}, &out))
		require.Contains(t, out.String(), says)
	}
}
