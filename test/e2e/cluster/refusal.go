// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// Refusal runs a muster-apiserver that has to refuse to start, and returns the last line of
// its output, which an operator reads. The server must answer no client before it exits.
func Refusal(t T, args ...string) string {
	t.Helper()
	var text string
	require.NoError(t, attempts(func() (err error) {
		text, err = refused(t, args)
		return err
	}))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// refused is one attempt of Refusal. It returns the whole output.
func refused(t T, args []string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	address := FreeAddress()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	command := exec.CommandContext(ctx, Built(t, ServerName), append([]string{"--bind-address=127.0.0.1", "--secure-port=" + port}, args...)...)
	command.Env = []string{"HOME=" + Folder(t, "refused")}
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	for answered := false; ; {
		_, err := ServedCertificate(ctx, address)
		answered = answered || err == nil
		select {
		case err := <-ended:
			text := strings.TrimSpace(out.String())
			t.Logf("muster-apiserver says: %s", text)
			if strings.Contains(text, "address already in use") {
				return "", errPortTaken // by a program that may have answered
			}
			require.False(t, answered, "it answers")
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Positive(t, exit.ExitCode(), "a signal ended it, so it would have continued")
			require.NotContains(t, text, "goroutine ", "a panic instead of a message")
			return text, nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}
