// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// ClientConfig configures the connection to etcd. Each field has a flag with the same
// meaning, and errors name the flags.
type ClientConfig struct {
	// Servers are URLs of members, all http or all https (--etcd-servers).
	Servers []string
	// CAFile names the file with the authorities that may sign the members' certificates;
	// if it is empty, the system's may (--etcd-cafile). It is read once.
	CAFile string
	// CertFile and KeyFile name the client's certificate and key (--etcd-certfile,
	// --etcd-keyfile). They are read again for each connection, so renewing them needs no
	// restart.
	CertFile, KeyFile string
}

const (
	// keepAliveTime is the least that grpc-go accepts from a client, and more than the 5 s
	// that etcd demands (--grpc-keepalive-min-time).
	keepAliveTime = 10 * time.Second
	// keepAliveTimeout also bounds the time for which the kernel waits for sent data to be
	// acknowledged (TCP_USER_TIMEOUT). A request on a dead connection fails after it, and
	// an idle watch after keepAliveTime and keepAliveTimeout together.
	keepAliveTimeout = 5 * time.Second
	// maxRedialDelay replaces grpc's two minutes, so that a member is used again soon
	// after it is back.
	maxRedialDelay = 3 * time.Second
	// connectTimeout bounds one attempt to connect. It replaces grpc's 20 s.
	connectTimeout = 5 * time.Second
)

// Connect returns a client. The client connects in the background to all servers at once,
// and sends requests to those that it is connected to. A server that is down delays nothing
// while another is up.
func Connect(config ClientConfig) (*clientv3.Client, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	tlsConfig, err := config.TLS()
	if err != nil {
		return nil, err
	}
	log, err := clientLog()
	if err != nil {
		return nil, fmt.Errorf("the etcd client's log: %w", err)
	}
	redial := backoff.DefaultConfig
	redial.BaseDelay, redial.MaxDelay = 200*time.Millisecond, maxRedialDelay
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            config.Servers,
		TLS:                  tlsConfig,
		DialKeepAliveTime:    keepAliveTime,
		DialKeepAliveTimeout: keepAliveTimeout,
		Logger:               log,
		DialOptions:          []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: redial, MinConnectTimeout: connectTimeout})},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to --etcd-servers %s: %w", strings.Join(config.Servers, ","), err)
	}
	return client, nil
}

// clientLog returns a logger that omits what the client retries by itself. The client
// returns an error for what does not succeed in the end.
func clientLog() (*zap.Logger, error) {
	config := zap.NewProductionConfig()
	config.Level = zap.NewAtomicLevelAt(zap.ErrorLevel)
	return config.Build()
}

// TLS returns the configuration of TLS for the servers, nil if they do not use TLS.
func (c ClientConfig) TLS() (*tls.Config, error) {
	if !strings.HasPrefix(c.Servers[0], "https://") {
		return nil, nil
	}
	info := transport.TLSInfo{CertFile: c.CertFile, KeyFile: c.KeyFile, TrustedCAFile: c.CAFile}
	config, err := info.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("TLS to etcd (--etcd-cafile %q, --etcd-certfile %q, --etcd-keyfile %q): %w", c.CAFile, c.CertFile, c.KeyFile, err)
	}
	config.MinVersion = tls.VersionTLS12
	return config, nil
}

// Validate returns an error that names the flag with a wrong value, nil if all are valid.
func (c ClientConfig) Validate() error {
	if len(c.Servers) == 0 {
		return errors.New("--etcd-servers is missing: give the URLs of etcd, such as https://etcd-0.example:2379,https://etcd-1.example:2379")
	}
	schemes := map[string]string{}
	for _, given := range c.Servers {
		parsed, err := url.Parse(given)
		server := withoutPassword(given)
		if err != nil {
			// err is left out because it contains the whole URL, with any password.
			return fmt.Errorf("--etcd-servers: %q is not a URL such as https://etcd-0.example:2379", server)
		}
		if parsed.Scheme != "http" && parsed.Scheme != "https" {
			return fmt.Errorf("--etcd-servers: %q must begin with https:// (or http://, without TLS)", server)
		}
		if parsed.Hostname() == "" || strings.Trim(parsed.Path, "/") != "" || parsed.RawQuery != "" || parsed.User != nil {
			return fmt.Errorf("--etcd-servers: %q must be %s://HOST:PORT and nothing else", server, parsed.Scheme)
		}
		if parsed.Port() == "" {
			return fmt.Errorf("--etcd-servers: %q has no port; etcd's is 2379 by default", server)
		}
		schemes[parsed.Scheme] = server
	}
	if len(schemes) > 1 {
		return fmt.Errorf("--etcd-servers: %q and %q: use https for all of them, or for none", schemes["http"], schemes["https"])
	}
	return c.validateFiles(schemes["http"])
}

// withoutPassword returns an address that is safe to log. An operator may have given the
// address of kine's database, with a password in it.
func withoutPassword(server string) string {
	if at := strings.LastIndex(server, "@"); at >= 0 {
		return "..." + server[at:]
	}
	return server
}

// validateFiles checks the files. plain is a server without TLS, "" if none is.
func (c ClientConfig) validateFiles(plain string) error {
	files := []struct{ flag, path string }{{"--etcd-cafile", c.CAFile}, {"--etcd-certfile", c.CertFile}, {"--etcd-keyfile", c.KeyFile}}
	for _, file := range files {
		if file.path == "" {
			continue
		}
		if plain != "" {
			return fmt.Errorf("%s is given, but %q of --etcd-servers does not use TLS: write https://, or leave the flag out", file.flag, plain)
		}
		data, err := os.ReadFile(file.path)
		if err != nil {
			return fmt.Errorf("%s cannot be read: %w", file.flag, err)
		}
		if file.path == c.CAFile && !x509.NewCertPool().AppendCertsFromPEM(data) {
			return fmt.Errorf("%s: %s holds no certificate: nothing would be trusted", file.flag, file.path)
		}
	}
	switch {
	case c.CertFile != "" && c.KeyFile == "":
		return errors.New("--etcd-certfile is given without --etcd-keyfile: a client certificate needs its key")
	case c.KeyFile != "" && c.CertFile == "":
		return errors.New("--etcd-keyfile is given without --etcd-certfile: a key needs its client certificate")
	}
	return nil
}
