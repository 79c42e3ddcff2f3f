// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
)

// asked returns a request as it reaches the innermost handler.
func asked(verb, group, name string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/", nil)
	ctx := request.WithRequestInfo(req.Context(), &request.RequestInfo{IsResourceRequest: true, Verb: verb, APIGroup: group})
	return req.WithContext(request.WithUser(ctx, &user.DefaultInfo{Name: name}))
}

// connection is a handler's connection to its client. It counts flushes.
type connection struct {
	*httptest.ResponseRecorder
	flushes int
	sending func()
}

func (c *connection) CloseNotify() <-chan bool { return nil }
func (c *connection) Flush()                   { c.flushes++ }
func (c *connection) Write(data []byte) (int, error) {
	if c.sending != nil {
		c.sending()
	}
	return c.ResponseRecorder.Write(data)
}

func TestOnlyRequestsForTheGroupAreLimited(t *testing.T) {
	t.Parallel()
	group := v1alpha1.SchemeGroupVersion.Group
	for name, tc := range map[string]struct {
		verb, group string
		limited     bool
	}{
		"a list":                  {"list", group, true},
		"a watch":                 {"watch", group, true},
		"a read of one object":    {"get", group, true},
		"a write":                 {"patch", group, true},
		"a list of another group": {"list", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			called := false
			handler := sharing{fair.NewLimits()}.before(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				called = true
				assert.Equal(t, tc.limited, fair.Of(req.Context()) != nil)
				_, err := w.Write([]byte("x"))
				assert.NoError(t, err)
				w.(http.Flusher).Flush()
			}))
			w := &connection{ResponseRecorder: httptest.NewRecorder()}
			handler.ServeHTTP(w, asked(tc.verb, tc.group, "a"))
			require.True(t, called)
			require.Equal(t, "x", w.Body.String())
			require.Equal(t, 1, w.flushes)
		})
	}
}

// free reports whether units of a budget can be taken at once.
func free(t *testing.T, b *fair.Budget, units int64) bool {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if b.Take(ended, "another", units) != nil {
		return false
	}
	b.Give("another", units)
	return true
}

// TestALargeListHoldsMemoryButNoTurnWhileItIsSent has a client that does not read: it takes
// only memory from others.
func TestALargeListHoldsMemoryButNoTurnWhileItIsSent(t *testing.T) {
	t.Parallel()
	limits := &fair.Limits{Events: fair.NewBudget(1, 1), Heavy: fair.NewBudget(1, 1), Bytes: fair.NewBudget(100<<20, 60<<20)}
	sends := 0
	handler := sharing{limits}.before(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		assert.NoError(t, fair.Of(req.Context()).List(req.Context(), 30<<20))
		assert.False(t, free(t, limits.Heavy, 1))
		_, err := w.Write([]byte("x"))
		assert.NoError(t, err)
		assert.False(t, free(t, limits.Heavy, 1))
	}))
	handler.ServeHTTP(&connection{ResponseRecorder: httptest.NewRecorder(), sending: func() {
		sends++
		require.True(t, free(t, limits.Heavy, 1))
		require.False(t, free(t, limits.Bytes, 50<<20))
	}}, asked("list", v1alpha1.SchemeGroupVersion.Group, "a"))
	require.Equal(t, 1, sends)
	require.True(t, free(t, limits.Bytes, 50<<20))
	require.True(t, free(t, limits.Heavy, 1))
}

// TestAWriteTakesItsTurnOnceItsBodyIsRead has a client that sends slowly: it holds nothing.
func TestAWriteTakesItsTurnOnceItsBodyIsRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		size  int
		takes bool
	}{
		"a small body": {1 << 10, false},
		"a large body": {1 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := &fair.Limits{Heavy: fair.NewBudget(1, 1)}
			req := asked("update", v1alpha1.SchemeGroupVersion.Group, "a")
			req.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", tc.size)))
			sharing{limits}.before(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_, err := io.CopyN(io.Discard, req.Body, int64(tc.size))
				assert.NoError(t, err)
				assert.True(t, free(t, limits.Heavy, 1), "more may come")
				rest, err := io.ReadAll(req.Body)
				assert.NoError(t, err)
				assert.Empty(t, rest)
				assert.Equal(t, !tc.takes, free(t, limits.Heavy, 1))
			})).ServeHTTP(&connection{ResponseRecorder: httptest.NewRecorder()}, req)
			require.True(t, free(t, limits.Heavy, 1))
		})
	}
}

func TestAWatchThatCannotSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	limits := &fair.Limits{Events: fair.NewBudget(1, 1)}
	require.NoError(t, limits.Events.Take(t.Context(), "another", 1))
	req := asked("watch", v1alpha1.SchemeGroupVersion.Group, "a")
	ctx, cancel := context.WithCancel(req.Context())
	cancel()
	handler := sharing{limits}.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write([]byte("x"))
		assert.ErrorIs(t, err, context.Canceled)
	}))
	handler.ServeHTTP(&connection{ResponseRecorder: httptest.NewRecorder()}, req.WithContext(ctx))
}

// TestFewOfManyWatchesSendAtATime sends two events on each watch, and flushes.
func TestFewOfManyWatchesSendAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const watches, turns = 200, 3
		handler := sharing{&fair.Limits{Events: fair.NewBudget(turns, turns)}}.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for range 2 {
				_, err := w.Write([]byte("x"))
				assert.NoError(t, err)
			}
			w.(http.Flusher).Flush()
		}))
		var sending, most, sent atomic.Int64
		var all sync.WaitGroup
		for range watches {
			all.Go(func() {
				c := &connection{ResponseRecorder: httptest.NewRecorder(), sending: func() {
					most.Store(max(most.Load(), sending.Add(1)))
					<-time.After(time.Millisecond)
					sending.Add(-1)
					sent.Add(1)
				}}
				handler.ServeHTTP(c, asked("watch", v1alpha1.SchemeGroupVersion.Group, "a"))
				assert.Equal(t, 1, c.flushes)
			})
		}
		all.Wait()
		require.EqualValues(t, turns, most.Load())
		require.EqualValues(t, 2*watches, sent.Load())
	})
}

func TestTheCostOfAListDependsOnItsForm(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		accept, query string
		factor        int64
	}{
		"JSON":          {"application/json", "", 2},
		"pretty JSON":   {"application/json", "pretty=true", 4},
		"YAML":          {"application/yaml", "", 64},
		"a table":       {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "", 4},
		"anything else": {"*/*", "", 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := httptest.NewRequest(http.MethodGet, "/?"+tc.query, nil)
			req.Header.Set("Accept", tc.accept)
			require.Equal(t, tc.factor, factorOf(req))
		})
	}
}
