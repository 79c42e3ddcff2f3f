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

// Options say where the server is, and how large the crowd.
type Options struct {
	// Config is for an administrator, with the right to act as any user of Groups.
	Config *rest.Config `json:"-"`
	Groups []string
	// Bundles and Clusters are those of the loud tenant: all are on all.
	Bundles, Clusters int
	// Resources are in each long report, and Templates in the costly Bundle.
	Resources, Templates int
	// Stuck watches are never read.
	Stuck int
	// Loops is how many requests of each kind the crowd has under way; at least one.
	Loops int
	// Edits are how often the quiet tenant labels, and unlabels, alone and in the crowd.
	Edits int
	// Command starts the crowd in a process of its own, which calls Serve, so that what
	// clients compute is not taken for what the server does. Without one the crowd is in
	// this process.
	Command []string `json:"-"`
	// Step is told what is being done.
	Step func(format string, args ...any) `json:"-"`
}

// Edit is one label edit of the quiet tenant. Times count from sending.
type Edit struct {
	// Event is until the BundleDeployment's event, Read until the answer to the GET that
	// follows the edit's answer.
	Event, Read time.Duration
	// Right says that the GET showed what the edit led to.
	Right bool
}

// Result holds what the tenant had, and what the crowd did.
type Result struct {
	Alone, Crowded []Edit
	// Probes of /readyz were made beside the edits; Unready are those that failed, and
	// Why what the first of them was answered.
	Probes, Unready int
	Why             string
	// Crowd holds what the crowd asked for, and how often which code was answered.
	Crowd map[string]map[int]int
}

// Median is that of a column of edits.
func Median(edits []Edit, of func(Edit) time.Duration) time.Duration { return quantile(edits, of, 2) }

// Late is the longest tenth's shortest of a column of edits.
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

// Right is how many of the edits were read rightly.
func Right(edits []Edit) (n int) {
	for _, e := range edits {
		if e.Right {
			n++
		}
	}
	return n
}

// Run measures. An error is one of the preparations, or of the quiet tenant: that it was
// refused something, or that its watch ended.
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

// connect returns a client with a connection of its own, which acts as a user.
func (o Options) connect(user string) (*rest.RESTClient, error) {
	return connect(o.as(user))
}

func (o Options) as(user string) *rest.Config {
	config := rest.CopyConfig(o.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: o.Groups}
	return config
}

func connect(config *rest.Config) (*rest.RESTClient, error) {
	own := rest.CopyConfig(config)
	own.QPS, own.Dial = -1, (&net.Dialer{}).DialContext
	own.GroupVersion = &metav1.SchemeGroupVersion
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	own.ContentType, own.AcceptContentTypes = "application/json", "application/json"
	return rest.RESTClientFor(own)
}

// probeEvery is how often readiness is asked for.
const probeEvery = 50 * time.Millisecond

// probe asks whether the server is ready.
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
