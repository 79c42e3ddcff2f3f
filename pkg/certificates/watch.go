// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
)

const (
	// WarnBefore is how long before the end of a certificate the warnings begin.
	WarnBefore = 30 * 24 * time.Hour
	// again is the time after which a warning or an error is logged again.
	again = 24 * time.Hour
	// lookEvery is the time between two looks.
	lookEvery = 5 * time.Second
	// lookForUnknown replaces lookEvery while a certificate has not been read, such as one that
	// comes from kube-apiserver.
	lookForUnknown = time.Second
)

var ends = metrics.NewGaugeVec(&metrics.GaugeOpts{
	Namespace: "muster", Subsystem: "certificate", Name: "expiration_timestamp_seconds",
	Help:           "When a certificate that this process uses expires, in seconds since 1970.",
	StabilityLevel: metrics.ALPHA,
}, []string{"certificate"})

func init() { legacyregistry.MustRegister(ends) }

// Watch follows the certificates of a process.
type Watch struct {
	all []*watched
	mu  struct {
		sync.Mutex
		// summary names what expires soon or has expired, "" if nothing does.
		summary string
		asked   bool
	}
	// warn and fail log, and tests replace them.
	warn func(text string)
	fail func(err error, c Certificate)
}

// watched is a certificate, and what is known about it.
type watched struct {
	Certificate
	data []byte
	span span
	// unread and lapsed are the last texts that were logged about reading it, and its end.
	unread, lapsed said
}

// said is a text that was logged, and when that was.
type said struct {
	text string
	at   time.Time
}

// New returns a watch of certificates. It does nothing until Run.
func New(all ...Certificate) *Watch {
	w := &Watch{
		warn: func(text string) { klog.Warning(text) },
		fail: func(err error, c Certificate) {
			klog.ErrorS(err, "A certificate cannot be used: renew it", "certificate", c.Name, "from", c.Where)
		},
	}
	for _, c := range all {
		w.all = append(w.all, &watched{Certificate: c})
	}
	return w
}

// Start runs the watch beside the caller, until ctx ends or stop is called. stop returns
// when it has ended.
func (w *Watch) Start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { w.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// Run looks at the certificates until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	for ctx.Err() == nil {
		timer := time.NewTimer(w.look(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look reads all certificates once, and returns the time until the next look. That is
// shorter than lookEvery if one expires before, so that the log is exact.
func (w *Watch) look(now time.Time) time.Duration {
	next := lookEvery
	var summary []string
	for _, c := range w.all {
		if c.read(w.fail, now) {
			ends.WithLabelValues(c.Name).Set(float64(c.span.end.Unix()))
		}
		if c.span.end.IsZero() {
			next = min(next, lookForUnknown)
			continue
		}
		left := c.span.end.Sub(now)
		if err := c.span.valid(now); err != nil {
			summary = append(summary, c.Name+" is not valid")
			if c.lapsed.due(err.Error(), now) {
				w.fail(err, c.Certificate)
			}
		} else if left <= WarnBefore {
			end := c.span.end.Format(time.RFC3339)
			summary = append(summary, c.Name+" expires "+end)
			if c.lapsed.due("expires "+end, now) {
				w.warn(fmt.Sprintf("The certificate %q expires in %s, at %s: renew it (%s)", c.Name, rounded(left), end, c.Where))
			}
		} else {
			c.lapsed = said{}
		}
		if left >= 0 {
			next = min(next, left+time.Millisecond) // it is valid at its end
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.summary = strings.Join(summary, ", ")
	return next
}

// read reads a certificate, and reports whether it has changed.
func (c *watched) read(fail func(error, Certificate), now time.Time) bool {
	if c.Once && c.data != nil {
		return false
	}
	data, err := c.Read()
	var s span
	if err == nil {
		if len(data) == 0 || bytes.Equal(data, c.data) {
			c.unread = said{}
			return false
		}
		s, err = c.parse(data)
	}
	if err != nil { // what was read before remains in use
		if c.unread.due(err.Error(), now) {
			fail(err, c.Certificate)
		}
		return false
	}
	if c.data != nil {
		klog.InfoS("A certificate was renewed", "certificate", c.Name, "from", c.Where, "expires", s.end)
	}
	c.data, c.span, c.unread, c.lapsed = data, s, said{}, said{}
	return true
}

// due reports whether a text has to be logged, and notes that it is.
func (s *said) due(text string, now time.Time) bool {
	if s.text == text && now.Sub(s.at) < again {
		return false
	}
	*s = said{text, now}
	return true
}

// rounded rounds the time that is left to days, or to seconds on the last day.
func rounded(left time.Duration) string {
	const day = 24 * time.Hour
	if left >= 2*day {
		return fmt.Sprintf("%d days", left/day)
	}
	return left.Round(time.Second).String()
}
