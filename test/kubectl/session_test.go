// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what kubectl answers to testdata, instead of comparing")

// patience bounds one command. It is long because CI machines are slow; only a server that
// does not answer uses it up.
const patience = 60 * time.Second

func TestSessions(t *testing.T) {
	t.Parallel()
	found, err := clients()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join("testdata", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		for _, c := range found {
			t.Run(filepath.Base(file)+" with kubectl "+c.release+" "+c.name, func(t *testing.T) {
				t.Parallel()
				text, err := os.ReadFile(file)
				require.NoError(t, err)
				want, err := parseTranscript(string(text))
				require.NoError(t, err, file)
				switch got := play(t, want, c); {
				case !*update:
					compare(t, file, c, want, got)
				case c.pinned:
					require.NoError(t, os.WriteFile(file, []byte(got.String()), 0o644))
				}
			})
		}
	}
}

func compare(t *testing.T, file string, c client, want, got transcript) {
	t.Helper()
	for i, s := range want.steps {
		require.Equal(t, s.code, got.steps[i].code, "%s: exit code of: $ %s\n%s", file, s.script, got.steps[i].output)
		if c.compared() {
			require.Equal(t, s.output, got.steps[i].output,
				"%s: $ %s\nif the new answer is right: go test ./test/kubectl -update", file, s.script)
		}
	}
}

// prelude holds the functions that a session may call next to kubectl.
const prelude = `
# follow LINES COMMAND...: starts COMMAND, returns when it has printed LINES lines.
follow() {
	local lines=$1; shift
	: >followed # the background may be slow to do so
	"$@" >>followed 2>&1 &
	following=$!
	until [[ $(wc -l <followed) -ge $lines ]]; do kill -0 $following || return 1; sleep 0.05; done
}
# followed LINES: waits until it has printed LINES in all, ends it, shows them.
followed() {
	until [[ $(wc -l <followed) -ge $1 ]]; do kill -0 $following || return 1; sleep 0.05; done
	kill $following; wait $following 2>/dev/null
	cat followed
}
`

// play types the session's commands at a new server, and returns the session with the
// answers.
func play(t *testing.T, script transcript, c client) transcript {
	t.Helper()
	path, err := filepath.Abs(c.path)
	require.NoError(t, err)
	kubeconfig := startMuster(t)
	// kubectl prints paths; a short path is easy to replace.
	dir := t.TempDir()
	bin := filepath.Join(dir, ".bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(bin, "kubectl"), []byte("#!/usr/bin/env bash\nexec -a kubectl '"+path+"' \"$@\"\n"), 0o755))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(checkout, "artifacts", "examples"))))
	preludeFile := filepath.Join(bin, "prelude")
	require.NoError(t, os.WriteFile(preludeFile, []byte(prelude), 0o644))
	environment := append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
		"HOME="+dir, // kubectl's cache and preferences
		"TMPDIR="+dir,
		"KUBECONFIG="+kubeconfig,
		"BASH_ENV="+preludeFile,
		"TZ=UTC", "LC_ALL=C", "TERM=dumb",
	)
	played := transcript{prose: script.prose}
	for _, s := range script.steps {
		output, code := typed(t, s.script, dir, environment)
		s.output, s.code = normalise(output, dir), code
		played.steps = append(played.steps, s)
	}
	return played
}

// typed runs the lines in a shell.
func typed(t *testing.T, script, dir string, environment []string) (output string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	shell := exec.CommandContext(ctx, "bash", "-c", script)
	shell.Dir, shell.Env = dir, environment
	// Processes that the shell leaves running hold its output open.
	shell.WaitDelay = time.Second
	out, err := shell.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err, script)
	}
	require.NoError(t, ctx.Err(), "no end after %s: $ %s\n%s", patience, script, out)
	return string(out), shell.ProcessState.ExitCode()
}
