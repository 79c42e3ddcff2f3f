// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func script(t *testing.T, text string) *Process {
	t.Helper()
	shell, err := exec.LookPath("sh")
	require.NoError(t, err)
	p := &Process{Name: "script", path: shell, args: []string{"-c", text}, log: filepath.Join(t.TempDir(), "log")}
	t.Cleanup(p.Kill)
	return p
}

var errNever = errors.New("not yet")

func never(context.Context) error { return errNever }

func TestATakenPortIsDistinguishedFromOtherFailures(t *testing.T) {
	t.Parallel()
	taken := script(t, "echo 'listen tcp 127.0.0.1:1: bind: address already in use'; exit 1")
	starts := 0
	err := attempts(func() error {
		starts++
		if starts == 3 {
			return nil
		}
		require.NoError(t, taken.Start())
		return taken.ready(t.Context(), time.Minute, never)
	})
	require.NoError(t, err)
	require.Equal(t, 3, starts)

	other := script(t, "echo 'no such file'; exit 3")
	starts = 0
	err = attempts(func() error {
		starts++
		require.NoError(t, other.Start())
		return other.ready(t.Context(), time.Minute, never)
	})
	require.ErrorIs(t, err, errNever)
	require.ErrorContains(t, err, "it exited")
	require.ErrorContains(t, err, "no such file", "the message has the log's end")
	require.Equal(t, 1, starts)
}

func TestAPortThatWasTakenInAnEarlierRunDoesNotCount(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "second")
	p := script(t, "[ -e "+flag+" ] && exit 1; touch "+flag+"; echo address already in use; exit 1")
	require.NoError(t, p.Start())
	require.ErrorIs(t, p.ready(t.Context(), time.Minute, never), errPortTaken)
	require.NoError(t, p.Start())
	require.NotErrorIs(t, p.ready(t.Context(), time.Minute, never), errPortTaken)
}

func TestAProcessThatIgnoresSIGTERMIsKilledAndReported(t *testing.T) {
	t.Parallel()
	p := script(t, "trap '' TERM; echo deaf; while :; do sleep 0.1; done")
	require.NoError(t, p.Start())
	require.Eventually(t, func() bool { return strings.Contains(p.Log(), "deaf") }, time.Minute, time.Millisecond)
	require.ErrorContains(t, p.Stop(100*time.Millisecond), "did not end")
	require.False(t, p.Running())
	require.Error(t, (&Process{Name: "none", path: filepath.Join(t.TempDir(), "none"), log: os.DevNull}).Start())
}

func TestAPausedProcessDoesNothingUntilItIsResumed(t *testing.T) {
	t.Parallel()
	p := script(t, "while :; do echo on; done")
	require.NoError(t, p.Start())
	require.Eventually(t, func() bool { return p.Log() != "" }, time.Minute, time.Millisecond)
	p.Pause()
	was := len(p.Log())
	require.Never(t, func() bool { return len(p.Log()) != was }, 100*time.Millisecond, 10*time.Millisecond)
	require.True(t, p.Running())
	p.Resume()
	require.Eventually(t, func() bool { return len(p.Log()) != was }, time.Minute, time.Millisecond)
}

func TestAVolumeChangesAllAtOnce(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "volume")
	content := func() map[string]string {
		out := map[string]string{}
		for _, name := range []string{"a", "b"} {
			text, err := os.ReadFile(filepath.Join(folder, name))
			require.NoError(t, err)
			out[name] = string(text)
		}
		return out
	}
	require.NoError(t, publish(folder, map[string][]byte{"a": []byte("1"), "b": []byte("1")}))
	require.Equal(t, map[string]string{"a": "1", "b": "1"}, content())
	require.NoError(t, publish(folder, map[string][]byte{"a": []byte("2"), "b": []byte("2")}))
	require.Equal(t, map[string]string{"a": "2", "b": "2"}, content())
	versions, err := filepath.Glob(filepath.Join(folder, "..version-*"))
	require.NoError(t, err)
	require.Len(t, versions, 1, "the old version is gone")
}

func TestAFlagIsReplacedOrAdded(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name       string
		args, want []string
	}{
		{"one that exists", []string{"--port=1", "--v=2"}, []string{"--v=2", "--port=3"}},
		{"one that does not exist", []string{"--v=2"}, []string{"--v=2", "--port=3"}},
		{"not one that begins alike", []string{"--port-name=x"}, []string{"--port-name=x", "--port=3"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, set(c.args, "--port=3"))
		})
	}
}
