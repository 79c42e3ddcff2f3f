// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"

	"k8s.io/client-go/rest"
)

// smallBuffer bounds the bytes that the client's side receives without reading.
const smallBuffer = 4 << 10

// openers is the number of watches that are opened at the same time.
const openers = 8

// stick opens watches that are never read. Each has a connection of its own with small
// buffers, so the server soon has to wait for it. They are closed when the context ends.
func (c *crowd) stick(ctx context.Context, all *sync.WaitGroup) error {
	config, err := rest.TLSConfigFor(c.options.Config)
	if err != nil {
		return err
	}
	server, err := url.Parse(c.options.Config.Host)
	if err != nil {
		return err
	}
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = server.Hostname()
	}
	connections := make([]net.Conn, c.options.Stuck)
	var opening sync.WaitGroup
	places := make(chan struct{}, openers)
	errs := make([]error, c.options.Stuck)
	for i := range connections {
		places <- struct{}{}
		opening.Go(func() {
			defer func() { <-places }()
			connections[i], errs[i] = c.watchUnread(ctx, server, config)
		})
	}
	opening.Wait()
	all.Go(func() {
		<-ctx.Done()
		for _, connection := range connections {
			if connection != nil {
				_ = connection.Close()
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("opening a watch that is not read: %w", err)
		}
	}
	return nil
}

// watchUnread opens one such watch, and reads only the beginning of the answer.
func (c *crowd) watchUnread(ctx context.Context, server *url.URL, config *tls.Config) (net.Conn, error) {
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", server.Host)
	if err != nil {
		return nil, err
	}
	if err := plain.(*net.TCPConn).SetReadBuffer(smallBuffer); err != nil {
		return nil, err
	}
	connection := tls.Client(plain, config)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.String()+path("", "bundledeployments")+"?watch=true&resourceVersion=0", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Impersonate-User", "reader")
	for _, group := range c.options.Groups {
		request.Header.Add("Impersonate-Group", group)
	}
	if token := c.options.Config.BearerToken; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if err := request.Write(connection); err != nil {
		return nil, err
	}
	answer, err := http.ReadResponse(bufio.NewReaderSize(connection, smallBuffer), request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %s", answer.Status)
	}
	return connection, nil
}
