// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fair

import (
	"context"
	"runtime"
	"time"
)

// Limits are what all requests to a server share.
type Limits struct {
	// Events are turns for the events of watches, and Lists for large lists. They are
	// apart, because a list computes for as long as a thousand events.
	Events, Lists *Budget
	// Bytes is the memory of large lists.
	Bytes *Budget
}

const (
	// ListBytes is what the large lists that are being answered take together, and
	// UserListBytes what those of one user take. A list that alone takes more is
	// answered while its user has no other.
	ListBytes     = 1 << 30
	UserListBytes = ListBytes / 2
)

// NewLimits returns the limits of a server, by the processors that it has. One user may
// have half of the turns, so that the next event of another never waits for them to end.
func NewLimits() *Limits {
	processors := int64(runtime.GOMAXPROCS(0))
	lists := max(1, processors/2)
	return &Limits{
		Events: NewBudget(2*processors, processors),
		Lists:  NewBudget(lists, max(1, lists/2)),
		Bytes:  NewBudget(ListBytes, UserListBytes),
	}
}

// Client is one request of a user. Its methods are not for concurrent use, and do nothing
// on nil.
type Client struct {
	limits *Limits
	user   string
	// factor is how many times its JSON a list takes in memory in the form that is
	// asked for.
	factor int64
	bytes  int64
	// list is the turn of a large list, nil if the request is none.
	list *Turn
}

// NewClient returns a client for one request, which is closed at its end.
func (l *Limits) NewClient(user string, factor int64) *Client {
	return &Client{limits: l, user: user, factor: factor}
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

// largeList is the JSON from which on a list counts as large, times its factor. Smaller
// ones are bounded by priority and fairness.
const largeList = 1 << 20

// List waits until a list of about so many bytes of JSON may be built. What it takes, the
// request holds until Close.
func (c *Client) List(ctx context.Context, size int64) error {
	if c == nil || c.list != nil || size*c.factor < largeList {
		return nil
	}
	bytes := size * c.factor
	if err := c.limits.Bytes.Take(ctx, c.user, bytes); err != nil {
		return err
	}
	c.bytes = bytes
	c.list = &Turn{budget: c.limits.Lists, user: c.user}
	return c.list.Begin(ctx)
}

// Outside calls f, which waits for the network, while the request does not compute.
func (c *Client) Outside(ctx context.Context, f func() error) error {
	if c == nil {
		return f()
	}
	return c.list.Outside(ctx, f)
}

// Close gives back what the request has taken.
func (c *Client) Close() {
	c.list.End()
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
	return &Turn{budget: c.limits.Events, user: c.user}
}

// Turn is the right of one goroutine to compute. Its methods are for that goroutine
// alone, but for a lease that ends, and do nothing on nil.
type Turn struct {
	budget *Budget
	user   string
	held   bool
	since  time.Time
	lease  *time.Timer
}

// Outside calls f, which waits for something, without the turn, and takes the turn again
// if it was held.
func (t *Turn) Outside(ctx context.Context, f func() error) error {
	if t == nil || !t.held {
		return f()
	}
	t.End()
	if err := f(); err != nil {
		return err
	}
	return t.Begin(ctx)
}

// turnLasts is for how long a turn is kept while others wait for one.
const turnLasts = 2 * time.Millisecond

// Begin waits for the turn, unless it is held.
func (t *Turn) Begin(ctx context.Context) error {
	if t == nil || t.held {
		return nil
	}
	if err := t.budget.Take(ctx, t.user, 1); err != nil {
		return err
	}
	t.held, t.since = true, time.Now()
	return nil
}

// End gives the turn back, if it is held.
func (t *Turn) End() {
	if t != nil && t.held {
		t.held = false
		t.budget.Give(t.user, 1)
	}
}

// Share lets another have the turn if it was long and others wait.
func (t *Turn) Share(ctx context.Context) error {
	if t == nil || !t.held || time.Since(t.since) < turnLasts {
		return nil
	}
	if !t.budget.contended() {
		t.since = time.Now()
		return nil
	}
	t.End()
	return t.Begin(ctx)
}

// leaseLasts bounds how long a turn is held by what may wait for a client.
const leaseLasts = 10 * time.Millisecond

// Lease calls f with the turn, which ends with f or after leaseLasts: what takes longer
// does not compute, but waits for the client to read. The time bounds by how much one
// that does not read delays others.
func (t *Turn) Lease(ctx context.Context, f func()) error {
	if t == nil {
		f()
		return nil
	}
	if err := t.budget.Take(ctx, t.user, 1); err != nil {
		return err
	}
	if t.lease == nil {
		t.lease = time.AfterFunc(leaseLasts, func() { t.budget.Give(t.user, 1) })
	} else {
		t.lease.Reset(leaseLasts)
	}
	// Also if f panics, as HTTP handlers do to end a connection.
	defer func() {
		if t.lease.Stop() {
			t.budget.Give(t.user, 1)
		}
	}()
	f()
	return nil
}
