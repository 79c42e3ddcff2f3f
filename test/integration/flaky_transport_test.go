// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/view"
)

// requests counts how a client reads.
type requests struct{ Lists, WatchLists, Watches int }

// flakyTransport connects a client to the server. It counts requests, and can break a watch in the
// middle of an event.
type flakyTransport struct {
	mu struct {
		sync.Mutex
		made requests
		// broken counts the requests that did not arrive.
		broken int
		// cut is the next break, nil if none is planned.
		cut *cut
	}
}

// cut breaks a response within the first revision after a given one: after so many of its
// events and so many bytes of the next.
type cut struct {
	after         int64
	events, bytes int
	at            int64
}

// config returns the configuration of a client that uses the transport.
func (f *flakyTransport) config(s *server) *rest.Config {
	config := s.connection()
	config.Dial = (&net.Dialer{Timeout: time.Second}).DialContext
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return across{f, next} })
	return config
}

// made returns the client's requests since the last call.
func (f *flakyTransport) made() requests {
	f.mu.Lock()
	defer f.mu.Unlock()
	made := f.mu.made
	f.mu.made = requests{}
	return made
}

// breaks plans a break.
func (f *flakyTransport) breaks(c *cut) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.cut = c
}

type across struct {
	*flakyTransport
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a across) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	watches := query.Get("watch") != ""
	response, err := a.next.RoundTrip(request)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case err != nil:
		a.mu.broken++
	case request.Method != http.MethodGet:
	case !watches:
		a.mu.made.Lists++
	case query.Get("sendInitialEvents") == "true":
		a.mu.made.WatchLists++
	default:
		a.mu.made.Watches++
	}
	if err == nil && watches && response.StatusCode == http.StatusOK {
		response.Body = &events{ReadCloser: response.Body, lines: bufio.NewReader(response.Body), transport: a.flakyTransport}
	}
	return response, err
}

// events reads the body of a watch, one event a line.
type events struct {
	io.ReadCloser
	lines     *bufio.Reader
	transport *flakyTransport
	rest      []byte
	err       error
}

// Read implements io.Reader.
func (e *events) Read(into []byte) (int, error) {
	for len(e.rest) == 0 && e.err == nil {
		if e.rest, e.err = e.lines.ReadBytes('\n'); e.err != nil {
			break
		}
		if passes := e.transport.passes(e.rest); passes < len(e.rest) {
			e.rest, e.err = e.rest[:passes], io.ErrUnexpectedEOF
		}
	}
	n := copy(into, e.rest)
	if e.rest = e.rest[n:]; n > 0 {
		return n, nil
	}
	return 0, e.err
}

// passes returns how many bytes of an event arrive.
func (f *flakyTransport) passes(line []byte) int {
	var said struct {
		Type   string
		Object struct {
			Metadata struct{ ResourceVersion string }
		}
	}
	if json.Unmarshal(line, &said) != nil {
		return len(line)
	}
	number, err := strconv.ParseInt(said.Object.Metadata.ResourceVersion, 10, 64)
	if err != nil {
		return len(line)
	}
	revision := view.Version(number).Revision()
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.mu.cut
	if c == nil || said.Type == "BOOKMARK" || revision <= c.after {
		return len(line)
	}
	if c.at == 0 {
		c.at = revision
	}
	if c.events > 0 && revision == c.at {
		c.events--
		return len(line)
	}
	f.mu.cut = nil
	return min(c.bytes, len(line)-1)
}
