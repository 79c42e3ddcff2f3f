// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"

	"github.com/stretchr/testify/require"
)

var rootModule = regexp.MustCompile(`(?m)^module github\.com/musterfleet/muster$`)

var checkout = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && rootModule.Match(text) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in a checkout of Muster", dir)
		}
	}
})

// Checkout returns the folder of this checkout.
func Checkout(t T) string {
	t.Helper()
	dir, err := checkout()
	require.NoError(t, err)
	return dir
}

var programs, binaries sync.Map // name → func() (string, error)

func once(t T, results *sync.Map, name string, build func(name string) (string, error)) string {
	t.Helper()
	result, _ := results.LoadOrStore(name, sync.OnceValues(func() (string, error) { return build(name) }))
	path, err := result.(func() (string, error))()
	require.NoError(t, err)
	return path
}

// Program returns the path of a program that hack/tool.sh knows. It builds the program if
// necessary, which takes minutes the first time.
func Program(t T, name string) string {
	t.Helper()
	tool := filepath.Join(Checkout(t), "hack", "tool.sh")
	return once(t, &programs, name, func(name string) (string, error) { return output(exec.Command(tool, name)) })
}

// Built returns the path of a program in bin, built from this checkout's cmd once per run.
func Built(t T, name string) string {
	t.Helper()
	return once(t, &binaries, name, build)
}

func build(name string) (string, error) {
	dir, err := checkout()
	if err != nil {
		return "", err
	}
	// Several test binaries may need it at the same time. Go renames what it built, which does
	// not affect a process that runs the old file.
	cache := filepath.Join(dir, ".cache", "bin")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(filepath.Join(cache, "."+name+".lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	describe := exec.Command("git", "describe", "--tags", "--always", "--abbrev=12", "--dirty")
	describe.Dir = dir
	version, err := output(describe)
	if err != nil {
		version = "unknown" // not a git checkout: the Makefile uses the same word
	}
	path := filepath.Join(dir, "bin", name)
	build := exec.Command(filepath.Join(dir, "hack", "progress.sh"), "building bin/"+name,
		"go", "build", "-ldflags", "-X github.com/musterfleet/muster/pkg/registry/server.version="+version, "-o", path, "./cmd/"+name)
	build.Dir = dir
	_, err = output(build)
	return path, err
}

// output runs a command, copies its standard error to this process's, and returns its
// standard output.
func output(command *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &tee{&stderr}
	if err := command.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return "", fmt.Errorf("%s: %w: %s", strings.Join(command.Args, " "), err, stderr.String())
		}
		return "", err
	}
	return strings.TrimSpace(stdout.String()), nil
}

// tee writes to standard error and keeps it for a message.
type tee struct{ kept *bytes.Buffer }

func (w *tee) Write(p []byte) (int, error) {
	w.kept.Write(p)
	return os.Stderr.Write(p)
}
