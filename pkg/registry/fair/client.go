// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"sync/atomic"
)

// Client is one request of a user. Its methods do nothing on nil. Close may run
// concurrently with other methods, because the API server gives up a request before its
// handler has ended. A turn that is taken after Close ends by itself.
type Client struct {
	limits *Limits
	user   string
	// factor is how many times the size of its JSON a list takes in memory, in the
	// requested form.
	factor int64
	bytes  int64
	// heavy is the turn for a large list or body.
	heavy *Turn
	small atomic.Bool
}

// NewClient returns a client for one request. The caller closes it.
func (l *Limits) NewClient(user string, factor int64) *Client {
	return &Client{limits: l, user: user, factor: factor, heavy: &Turn{budget: l.Heavy, pace: l.pace, user: user, lasts: heavyLasts}}
}

// Small counts the request as small until it takes a heavy turn. Heavy work of other users
// rests while small requests are in progress.
func (c *Client) Small() {
	if c != nil && c.limits.pace != nil && c.small.CompareAndSwap(false, true) {
		c.limits.pace.begin(c.user)
	}
}

// large ends the effect of Small.
func (c *Client) large() {
	if c.small.CompareAndSwap(true, false) {
		c.limits.pace.end(c.user)
	}
}

func (c *Client) begin(ctx context.Context) error {
	c.large()
	return c.heavy.Begin(ctx)
}

// Pause rests if the request holds a heavy turn and small requests of other users are in
// progress. Call it every few tenths of a millisecond in a long computation.
func (c *Client) Pause(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.heavy.Pause(ctx)
}

type clientKey struct{}

// In returns a context with the client.
func (c *Client) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// Of returns the client of a context, nil if it has none.
func Of(ctx context.Context) *Client {
	c, _ := ctx.Value(clientKey{}).(*Client)
	return c
}

// largeList is the size of JSON, times the factor, above which a list counts as large:
// about 50 BundleDeployments, which take a quarter of a millisecond.
const largeList = 256 << 10

// streamed is the factor of lists that are written object by object, and so never built as
// a whole.
const streamed = 2

// Fits reports whether a list of about size bytes of JSON can be answered in the requested
// form. A list that is written object by object always can.
func (c *Client) Fits(size int64) bool {
	return c == nil || c.factor <= streamed || size*c.factor <= c.limits.Bytes.share
}

// List waits until a list of about size bytes of JSON may be built. The request holds the
// memory until Close.
func (c *Client) List(ctx context.Context, size int64) error {
	if c == nil || c.bytes > 0 || size*c.factor < largeList {
		return nil
	}
	bytes := size * c.factor
	// Lists that hold memory need the turn to be sent, and so to give the memory back.
	c.heavy.End()
	if err := c.limits.Bytes.Take(ctx, c.user, bytes); err != nil {
		return err
	}
	c.bytes = bytes
	return c.begin(ctx)
}

// Walk waits for a turn if the request has to look at many objects.
func (c *Client) Walk(ctx context.Context, objects int) error {
	if c == nil || objects < longWalk {
		return nil
	}
	return c.begin(ctx)
}

// longWalk is how many objects a request looks at in some tenths of a millisecond.
const longWalk = 5000

// largeObject is the size, in bytes of JSON, from which a request on an object needs a
// turn: decoding, validating and comparing it takes milliseconds.
const largeObject = 32 << 10

// Object waits for a turn to work on a large body or object of size bytes.
func (c *Client) Object(ctx context.Context, size int64) error {
	if c == nil || size < largeObject {
		return nil
	}
	return c.begin(ctx)
}

// Evaluate waits for a turn to evaluate a template, which may take tens of milliseconds.
// leave gives the turn back.
func (c *Client) Evaluate(ctx context.Context) (leave func(), err error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	return c.heavy.End, nil
}

// Rest gives the turn back before a commit. The request does not take it again: what
// follows is small, and a committed write must not fail for lack of a turn.
func (c *Client) Rest() {
	if c != nil {
		c.heavy.End()
	}
}

// Outside calls f, which waits for the network, without the turn.
func (c *Client) Outside(ctx context.Context, f func() error) error {
	if c == nil {
		return f()
	}
	return c.heavy.Outside(ctx, f)
}

// Close gives back everything that the request holds.
func (c *Client) Close() {
	c.large()
	c.heavy.Close()
	if c.bytes > 0 {
		c.limits.Bytes.Give(c.user, c.bytes)
		c.bytes = 0
	}
}

// Events returns a turn for one goroutine that builds or sends events of the request.
func (c *Client) Events() *Turn {
	if c == nil {
		return nil
	}
	return &Turn{budget: c.limits.Events, user: c.user, lasts: eventsLast}
}
