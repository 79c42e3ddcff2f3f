// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	readyWithin   = 60 * time.Second
	stoppedWithin = 30 * time.Second
)

// server is a bin/muster that this program started, and ends.
type server struct {
	command    *exec.Cmd
	dir        string
	kubeconfig string
	log        string
	ended      chan error // receives what Wait returned, once
}

// startServer returns when the server is ready. It leaves nothing behind when it
// fails.
func startServer(ctx context.Context, binary string) (_ *server, err error) {
	dir, err := os.MkdirTemp("", "labelchange-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, kubeconfig: filepath.Join(dir, "data", "kubeconfig"), log: filepath.Join(dir, "log"), ended: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop(true))
		}
	}()

	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the child has its own descriptor
	// Not CommandContext: stop ends the server in order, also when ctx is done.
	s.command = exec.Command(binary, "--data-dir", filepath.Join(dir, "data"), "--secure-port", strconv.Itoa(port))
	s.command.Stdout, s.command.Stderr = log, log
	if err := s.command.Start(); err != nil {
		s.command = nil
		return nil, fmt.Errorf("%w (make build makes it)", err)
	}
	go func() { s.ended <- s.command.Wait() }()
	return s, s.waitReady(ctx)
}

func (s *server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("the server was not ready within %s", readyWithin))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-s.ended:
			s.ended <- err // for stop
			return errors.New("the server ended before it was ready")
		case <-tick.C:
			if s.ready(ctx) {
				return nil
			}
		}
	}
}

func (s *server) ready(ctx context.Context) bool {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return false // the file is not there yet
	}
	config.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		return false
	}
	return client.Get().AbsPath("/readyz").Do(ctx).Error() == nil
}

// stop ends the server and removes its folder. On a failure it shows the end of
// the log first.
func (s *server) stop(failed bool) error {
	defer os.RemoveAll(s.dir)
	if failed {
		defer s.showLog()
	}
	if s.command == nil {
		return nil
	}
	_ = s.command.Process.Signal(syscall.SIGTERM) // an error means that it ended by itself, which the channel says
	select {
	case err := <-s.ended:
		if err != nil && !failed {
			return fmt.Errorf("the server did not end cleanly: %w", err)
		}
		return nil
	case <-time.After(stoppedWithin):
		_ = s.command.Process.Kill()
		return errors.Join(fmt.Errorf("the server did not end within %s of SIGTERM and was killed", stoppedWithin), <-s.ended)
	}
}

func (s *server) showLog() {
	text, err := os.ReadFile(s.log)
	if err != nil || len(text) == 0 {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	fmt.Fprintf(os.Stderr, "--- the end of the server's log\n%s\n", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

// residentMemory is what the system says that the server takes right now.
func (s *server) residentMemory() string {
	status, err := os.Open(fmt.Sprintf("/proc/%d/status", s.command.Process.Pid))
	if err != nil {
		return "not known on this system"
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "VmRSS:"); found {
			var kib int
			if _, err := fmt.Sscanf(text, "%d kB", &kib); err == nil {
				return fmt.Sprintf("%d MiB", kib/1024)
			}
		}
	}
	return "not known on this system"
}

// freePort is free when it is asked for; somebody else may take it before the
// server does, and then the server says so and the run fails.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
