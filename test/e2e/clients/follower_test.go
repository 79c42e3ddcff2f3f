// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/view"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

type event struct {
	From, Type, Namespace, Name, ResourceVersion string
}

func (e event) key() string { return e.Namespace + "/" + e.Name }

// follower collects the events that a program prints.
type follower struct {
	name string
	// delivered returns all events so far.
	delivered func() []event
	// from is the index of the first event that until has not returned.
	from int
	// about returns the text that a failure shows with the events.
	about func() string
}

// until waits for the event of the mark at a version. It returns the events before it, since
// the last call.
func (f *follower) until(t *testing.T, version string) []event {
	t.Helper()
	var out []event
	require.Eventually(t, func() bool {
		delivered := f.delivered()[f.from:]
		at := slices.IndexFunc(delivered, func(e event) bool { return e.Name == mark && e.ResourceVersion == version })
		if at < 0 {
			return false
		}
		out = delivered[:at]
		f.from += at + 1
		return true
	}, patience, tick, "%s got no event of the mark at %s; %s", f.name, version, f.about())
	return out
}

// printed returns the events in the complete lines of a program.
func printed(text string) []event {
	var out []event
	for line := range strings.Lines(text) {
		var e event
		if strings.HasPrefix(line, `{"`) && strings.HasSuffix(line, "\n") && json.Unmarshal([]byte(line), &e) == nil {
			out = append(out, e)
		}
	}
	return out
}

// follow starts a program and waits until its cache has the state.
func follow(t *testing.T, name string, args ...string) *cluster.Process {
	t.Helper()
	p := cluster.Run(t, name, append([]string{"--kubeconfig=" + control.Kubeconfig(t, control.Config)}, args...)...)
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(printed(p.Log()), func(e event) bool { return e.Type == "synced" })
	}, patience, tick, "%s did not get the state; %s", name, p.Tail())
	return p
}

// of returns the follower of a program's standard output. from selects the lines with that
// origin.
func of(p *cluster.Process, from string) *follower {
	return &follower{name: strings.TrimSpace(p.Name + " " + from), about: p.Tail, delivered: func() []event {
		return slices.DeleteFunc(printed(p.Log()), func(e event) bool { return e.Type == "synced" || e.From != from })
	}}
}

// resume returns a follower of a new subscriber to Steve that resumes at a version.
func resume(t *testing.T, steve *cluster.Process, address, version string) *follower {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/?resourceVersion="+url.QueryEscape(version), nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	var mu sync.Mutex
	var delivered []event
	go func() {
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			mu.Lock()
			delivered = append(delivered, printed(lines.Text()+"\n")...)
			mu.Unlock()
		}
	}()
	return &follower{name: "a subscriber that resumes at " + version, about: steve.Tail, delivered: func() []event {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(delivered)
	}}
}

// counted returns the number of reports of each change, without those of the mark.
func counted(events []event) map[string]int {
	out := map[string]int{}
	for _, e := range events {
		if e.Name != mark {
			out[e.Type+" "+e.key()]++
		}
	}
	return out
}

// waitListed waits until the cache has processed a list that began after the call. The
// program prints a line for a list before the cache processes it, and the cache processes
// one list at a time. So the second line from now is of a list that began after the call,
// and the third line shows that it was processed.
func waitListed(t *testing.T, f *follower) {
	t.Helper()
	answered := func() int {
		return len(slices.DeleteFunc(f.delivered(), func(e event) bool { return e.Type != "answered with 200" }))
	}
	before := answered()
	require.Eventually(t, func() bool { return answered() >= before+3 }, patience, tick, "%s did not list; %s", f.name, f.about())
}

// requireEach checks that the events name each Bundle once in a namespace.
func requireEach(t *testing.T, events []event, kind, namespace string) {
	t.Helper()
	seen := map[string]int{}
	for _, e := range events {
		require.Equal(t, kind, e.Type, "%+v", e)
		require.Equal(t, namespace, e.Namespace, "%+v", e)
		seen[e.Name]++
		require.Equal(t, 1, seen[e.Name], "%+v is repeated", e)
	}
	require.Len(t, events, bundles)
}

// requirePlaces checks that events are of one revision, and that each is later than the one
// before.
func requirePlaces(t *testing.T, events []event) {
	t.Helper()
	var last view.Version
	for _, e := range events {
		n, err := strconv.ParseInt(e.ResourceVersion, 10, 64)
		require.NoError(t, err)
		v := view.Version(n)
		require.Greater(t, v, last, "%+v", e)
		if last != 0 {
			require.Equal(t, last.Revision(), v.Revision(), "%+v is of another revision", e)
		}
		last = v
	}
	require.True(t, last.Whole(), "the last change has the last place")
}
