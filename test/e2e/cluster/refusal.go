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
			if strings.Contains(text, "address already in use") {
				return Refusal(t, args...) // another program took the port, and may have answered on it
			}
			require.False(t, answered, "it answers; %s", text)
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, text)
			require.Positive(t, exit.ExitCode(), "a signal ended it, so it would have continued: %s", text)
			require.NotContains(t, text, "goroutine ", "a panic instead of a message")
			return text[strings.LastIndexByte(text, '\n')+1:]
		case <-time.After(20 * time.Millisecond):
		}
	}
}
