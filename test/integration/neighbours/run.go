// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
)

// Options set the server and the size of the crowd.
type Options struct {
	// Config belongs to an administrator with the right to act as any user of Groups.
	Config *rest.Config `json:"-"`
	Groups []string
	// Bundles and Clusters count those of the loud tenant: all Bundles are on all Clusters.
	Bundles, Clusters int
	// Resources counts those in each long report, Templates those in the costly Bundle.
	Resources, Templates int
	// Stuck is the number of watches that are never read.
	Stuck int
	// Loops is the number of requests of each kind that the crowd has in flight; at least
	// one.
	Loops int
	// Edits is how often the quiet tenant sets and removes a label, alone and in the crowd.
	Edits int
	// Command starts the crowd in a process of its own, which calls Serve, so that the CPU
	// time of clients does not count as the server's. Without a command the crowd runs in
	// this process.
	Command []string `json:"-"`
	// Step is called with what happens next.
	Step func(format string, args ...any) `json:"-"`
}

// Edit holds one label edit of the quiet tenant. Times count from sending the edit.
type Edit struct {
	// Event is the time to the BundleDeployment's event, Read the time to the answer of the
	// GET after the edit's answer.
	Event, Read time.Duration
	// Right says that the GET showed the result of the edit.
	Right bool
}

// Result holds what the tenant measured, and the answers to the crowd.
type Result struct {
	Alone, Crowded []Edit
	// Probes counts the requests to /readyz during the edits, Unready those that failed.
	// Why is the first failed answer.
	Probes, Unready int
	Why             string
	// Crowd counts the answers for each request of the crowd, by code.
	Crowd map[string]map[int]int
}

// Median returns the median of one time of the edits.
func Median(edits []Edit, of func(Edit) time.Duration) time.Duration { return quantile(edits, of, 2) }

// Late returns the shortest of the longest tenth of one time of the edits.
func Late(edits []Edit, of func(Edit) time.Duration) time.Duration { return quantile(edits, of, 10) }

func quantile(edits []Edit, of func(Edit) time.Duration, part int) time.Duration {
	if len(edits) == 0 {
		return 0
	}
	values := make([]time.Duration, len(edits))
	for i, e := range edits {
		values[i] = of(e)
	}
	slices.Sort(values)
	return values[len(values)-1-(len(values)-1)/part]
}

// Right returns the number of edits that were read correctly.
func Right(edits []Edit) (n int) {
	for _, e := range edits {
		if e.Right {
			n++
		}
	}
	return n
}

// Run measures. It returns an error if the preparations fail, if the server refuses a
// request of the quiet tenant, or if the tenant's watch ends.
func Run(ctx context.Context, o Options) (*Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.Step == nil {
		o.Step = func(string, ...any) {}
	}
	r := &Result{}
	o.Step("writing two tenants")
	if err := o.prepare(ctx); err != nil {
		return nil, err
	}
	quiet, err := o.quiet(ctx)
	if err != nil {
		return nil, err
	}
	o.Step("labelling alone, %d times", 2*o.Edits)
	if r.Alone, err = quiet.edit(ctx, o.Edits); err != nil {
		return nil, fmt.Errorf("alone: %w", err)
	}

	o.Step("opening %d watches that are never read, and letting the crowd in", o.Stuck)
	crowded, leave := context.WithCancel(ctx)
	defer leave()
	came, end := o.crowd(crowded)
	defer func() { leave(); _, _ = end() }()
	if err := came(); err != nil {
		return nil, err
	}
	o.Step("labelling in the crowd, %d times", 2*o.Edits)
	probing, stop := context.WithCancel(ctx)
	p := &probe{}
	var probes sync.WaitGroup
	defer probes.Wait()
	defer stop()
	probes.Go(func() { p.run(probing, o.Config) })
	if r.Crowded, err = quiet.edit(ctx, o.Edits); err != nil {
		return nil, fmt.Errorf("in the crowd: %w", err)
	}
	stop()
	probes.Wait()
	leave()
	r.Probes, r.Unready, r.Why = p.made, p.failed, p.why
	r.Crowd, err = end()
	return r, err
}

// connect returns a client that acts as a user, with a connection of its own.
func (o Options) connect(user string) (*rest.RESTClient, error) {
	config := rest.CopyConfig(o.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: o.Groups}
	return connect(config)
}

func connect(config *rest.Config) (*rest.RESTClient, error) {
	own := rest.CopyConfig(config)
	own.QPS, own.Dial = -1, (&net.Dialer{}).DialContext
	own.GroupVersion = &metav1.SchemeGroupVersion
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	own.ContentType, own.AcceptContentTypes = "application/json", "application/json"
	return rest.RESTClientFor(own)
}

// probeEvery is the time between two probes of readiness.
const probeEvery = 50 * time.Millisecond

// probe asks repeatedly whether the server is ready.
type probe struct {
	made, failed int
	why          string
}

func (p *probe) run(ctx context.Context, config *rest.Config) {
	client, err := connect(config)
	if err != nil {
		p.failed, p.why = 1, err.Error()
		return
	}
	ticks := time.NewTicker(probeEvery)
	defer ticks.Stop()
	for {
		answer, err := client.Get().AbsPath("/readyz").MaxRetries(0).Do(ctx).Raw()
		if ctx.Err() != nil {
			return
		}
		if p.made++; err != nil {
			if p.failed++; p.failed == 1 {
				p.why = fmt.Sprintf("%v: %s", err, answer)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}
