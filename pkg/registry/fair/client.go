// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"runtime"
	"sync/atomic"
)

// Limits are what all requests to a server share.
type Limits struct {
	// Events are turns for the events of watches, and Heavy for large lists, large bodies
	// and templates that take long. They are apart, because a list computes for as long as a thousand events.
	Events, Heavy *Budget
	// Bytes is the memory of large lists.
	Bytes *Budget
	// pace is that of Heavy; nil never rests.
	pace *pace
}

const (
	// ListBytes is what the large lists that are being answered take together, and
	// UserListBytes what those of one user take. A list that alone takes more is
	// answered while its user has no other.
	ListBytes     = 1 << 30
	UserListBytes = ListBytes / 2
)

// NewLimits returns the limits of a server, by the processors that it has. What is heavy
// leaves half of them to all else: with two of them it takes one, so that what is small,
// and etcd beside it, does not wait until something heavy is preempted. From four
// processors on, one user may have half of the turns.
func NewLimits() *Limits {
	processors := int64(runtime.GOMAXPROCS(0))
	heavy := max(1, processors/2)
	return &Limits{
		Events: NewBudget(2*processors, processors),
		Heavy:  NewBudget(heavy, max(1, heavy/2)),
		Bytes:  NewBudget(ListBytes, UserListBytes),
		pace:   newPace(heavy),
	}
}

// Client is one request of a user. Its methods do nothing on nil. Close may be called while
// others run, as the API server gives up a request before its handler has ended; what is
// taken after that ends by itself.
type Client struct {
	limits *Limits
	user   string
	// factor is how many times its JSON a list takes in memory in the form that is
	// asked for.
	factor int64
	bytes  int64
	// heavy is the turn for a large list or body.
	heavy *Turn
	// small: the request counts as small.
	small atomic.Bool
}

// NewClient returns a client for one request, which is closed at its end.
func (l *Limits) NewClient(user string, factor int64) *Client {
	return &Client{limits: l, user: user, factor: factor, heavy: &Turn{budget: l.Heavy, pace: l.pace, user: user, lasts: heavyLasts}}
}

// Small counts the request as small until it takes a heavy turn. Heavy work of other users
// rests while it is under way.
func (c *Client) Small() {
	if c != nil && c.limits.pace != nil && c.small.CompareAndSwap(false, true) {
		c.limits.pace.begin(c.user)
	}
}

// large ends Small.
func (c *Client) large() {
	if c.small.CompareAndSwap(true, false) {
		c.limits.pace.end(c.user)
	}
}

// begin takes a heavy turn.
func (c *Client) begin(ctx context.Context) error {
	c.large()
	return c.heavy.Begin(ctx)
}

// Pause rests if the request holds a heavy turn and small requests of others are under way.
// Call it every few tenths of a millisecond in a long computation.
func (c *Client) Pause(ctx context.Context) error {
	if c == nil {
		return nil
	}
	return c.heavy.Pause(ctx)
}

type clientKey struct{}

// In returns a context that has the client.
func (c *Client) In(ctx context.Context) context.Context {
	return context.WithValue(ctx, clientKey{}, c)
}

// Of returns the client of a context, nil if there is none.
func Of(ctx context.Context) *Client {
	c, _ := ctx.Value(clientKey{}).(*Client)
	return c
}

// largeList is the JSON from which on a list counts as large, times its factor: some 50
// BundleDeployments, which take a quarter of a millisecond.
const largeList = 256 << 10

// streamed is the factor of lists that are written object by object, and so never built as
// a whole.
const streamed = 2

// Fits reports whether a list of about so many bytes of JSON can be answered in the form
// that is asked for. One that is written object by object always can.
func (c *Client) Fits(size int64) bool {
	return c == nil || c.factor <= streamed || size*c.factor <= c.limits.Bytes.share
}

// List waits until a list of about so many bytes of JSON may be built. What it takes, the
// request holds until Close.
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

// Walk waits for a turn if so many objects are to be looked at.
func (c *Client) Walk(ctx context.Context, objects int) error {
	if c == nil || objects < longWalk {
		return nil
	}
	return c.begin(ctx)
}

// longWalk is how many objects are looked at in some tenths of a millisecond.
const longWalk = 5000

// largeObject is the size in JSON from which on a request on an object takes a turn: it
// takes milliseconds to decode, to validate and to compare.
const largeObject = 32 << 10

// Object waits for a turn if a body or an object of so many bytes is to be worked on.
func (c *Client) Object(ctx context.Context, size int64) error {
	if c == nil || size < largeObject {
		return nil
	}
	return c.begin(ctx)
}

// Evaluate waits for a turn to evaluate a template, which may take tens of milliseconds.
// leave gives it back.
func (c *Client) Evaluate(ctx context.Context) (leave func(), err error) {
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	return c.heavy.End, nil
}

// Rest gives the turn back before a commit. It is not taken again: what follows is small,
// and what is committed may not fail for want of a turn.
func (c *Client) Rest() {
	if c != nil {
		c.heavy.End()
	}
}

// Outside calls f, which waits for the network, while the request does not compute.
func (c *Client) Outside(ctx context.Context, f func() error) error {
	if c == nil {
		return f()
	}
	return c.heavy.Outside(ctx, f)
}

// Close gives back what the request has taken.
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
