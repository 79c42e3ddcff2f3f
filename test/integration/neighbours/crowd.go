// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package neighbours

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// crowd holds the worst neighbours.
type crowd struct {
	options Options
	mu      sync.Mutex
	done    answers
	broken  error
	// began is closed when each member has had one answer.
	began   chan struct{}
	members int
}

// member is one loop of the crowd; request returns its i-th request.
type member struct {
	what, user string
	request    func(c *rest.RESTClient, i int) *rest.Request
}

// start makes all members send one request after the other until the context ends.
func (c *crowd) start(ctx context.Context, all *sync.WaitGroup) {
	members := c.loops()
	c.members = len(members)
	for _, m := range members {
		next := new(atomic.Int64)
		for range max(1, c.options.Loops) {
			all.Go(func() { c.loop(ctx, m, next) })
		}
	}
}

// loop runs one of the loops of a member.
func (c *crowd) loop(ctx context.Context, m member, next *atomic.Int64) {
	client, err := c.options.connect(m.user)
	if err != nil {
		c.breakOff(err)
		return
	}
	for ctx.Err() == nil {
		code := ask(ctx, m.request(client, int(next.Add(1)-1)))
		if ctx.Err() == nil {
			c.count(m.what, code)
		}
		if code == http.StatusTooManyRequests || code == 0 {
			// Pause only briefly: the crowd is not polite.
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

// ask sends a request, reads the whole answer, and returns its code; 0 means none.
func ask(ctx context.Context, request *rest.Request) int {
	stream, err := request.MaxRetries(0).Stream(ctx)
	if err != nil {
		var status interface{ Status() metav1.Status }
		if errors.As(err, &status) {
			return int(status.Status().Code)
		}
		return 0
	}
	defer stream.Close()
	if _, err := io.Copy(io.Discard, stream); err != nil {
		return 0
	}
	return http.StatusOK
}

func (c *crowd) count(what string, code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done[what] == nil {
		c.done[what] = map[int]int{}
		if len(c.done) == c.members {
			close(c.began)
		}
	}
	c.done[what][code]++
}

func (c *crowd) breakOff(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = errors.Join(c.broken, err)
}

// crowdWithin bounds the time to the first answers.
const crowdWithin = 2 * time.Minute

// wait blocks until each member has had one answer.
func (c *crowd) wait(ctx context.Context) error {
	select {
	case <-c.began:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(crowdWithin):
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(fmt.Errorf("only these of the crowd were answered within %v: %v", crowdWithin, c.done), c.broken)
}

func (c *crowd) loops() []member {
	long, short := c.report(c.options.Resources), c.report(3)
	list := func(what, resource, accept string, params map[string]string) member {
		return member{what: "list " + resource + " " + what, user: "reader", request: func(client *rest.RESTClient, _ int) *rest.Request {
			request := client.Get().AbsPath(path("", resource)).SetHeader("Accept", accept)
			for name, value := range params {
				request = request.Param(name, value)
			}
			return request
		}}
	}
	pretty := map[string]string{"pretty": "true"}
	return []member{
		{"report many resources", "agent", func(client *rest.RESTClient, i int) *rest.Request {
			return c.patchStatus(client, i%c.options.Bundles, long, i)
		}},
		{"report few resources", "agent", func(client *rest.RESTClient, i int) *rest.Request { return c.patchStatus(client, 0, short, i) }},
		{"write a costly Bundle", loudly, c.costly},
		{"write a Bundle of many targets", loudly, c.manyTargets},
		{"label a Cluster of many templates", loudly, func(client *rest.RESTClient, i int) *rest.Request {
			return client.Patch(types.MergePatchType).AbsPath(path(loudly, "clusters", clusterName(i%c.options.Clusters))).
				Body(fmt.Appendf(nil, `{"metadata":{"labels":{"region":"r%d"}}}`, i))
		}},
		{"register", "registrar", func(client *rest.RESTClient, i int) *rest.Request {
			r := &v1alpha1.ClusterRegistration{ObjectMeta: metav1.ObjectMeta{Namespace: loudly, GenerateName: "request-"}}
			r.Spec = v1alpha1.ClusterRegistrationSpec{ClientID: "one", ClientRandom: fmt.Sprint(i)}
			return client.Post().AbsPath(path(loudly, "clusterregistrations")).Body(text(r))
		}},
		list("pretty", "bundledeployments", "application/json", pretty),
		list("pretty", "bundles", "application/json", pretty),
		list("as YAML", "bundledeployments", "application/yaml", nil),
		list("as a table", "bundledeployments", "application/json;as=Table;v=v1;g=meta.k8s.io", nil),
		list("plainly", "bundledeployments", "application/json", nil),
	}
}

func text(object any) []byte {
	out, err := json.Marshal(object)
	if err != nil {
		panic(err) // cannot fail for our own types
	}
	return out
}

// report returns the beginning of a status with so many resources; patchStatus adds the release.
func (c *crowd) report(resources int) string {
	var status v1alpha1.BundleDeploymentStatus
	for i := range resources {
		status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", APIVersion: "v1", Namespace: "default", Name: fmt.Sprintf("a-config-map-of-some-length-%06d", i)})
	}
	return `{"status":{"resources":` + string(text(status.Resources)) + `,"release":`
}

func (c *crowd) patchStatus(client *rest.RESTClient, bundle int, report string, i int) *rest.Request {
	return client.Patch(types.MergePatchType).AbsPath(path(c.options.homeOf(0), "bundledeployments", bundleName(bundle), "status")).
		Body(fmt.Appendf(nil, `%s"r/%d"}}`, report, i))
}

// costly returns the request that writes a Bundle with expensive templates, on all
// Clusters.
func (c *crowd) costly(client *rest.RESTClient, i int) *rest.Request {
	b := newBundle(loudly, "costly", nil)
	b.Spec.Helm = &v1alpha1.HelmOptions{TemplateValues: map[string]string{}}
	for k := range c.options.Templates {
		b.Spec.Helm.TemplateValues[fmt.Sprint("k", k)] = fmt.Sprintf(`${ range until 100 }${ printf "%%d-%d-%%s" . $.ClusterLabels.region | sha256sum | trunc 4 }${ end }`, i)
	}
	return writeBundle(client, b, i)
}

// manyTargets returns the request that writes a Bundle with many selectors that an index
// cannot narrow.
func (c *crowd) manyTargets(client *rest.RESTClient, i int) *rest.Request {
	b := newBundle(loudly, "many-targets", nil)
	values := make([]string, 50)
	for k := range values {
		values[k] = fmt.Sprintf("v%d-%d", i, k)
	}
	b.Spec.Targets = make([]v1alpha1.BundleTarget, 200)
	for k := range b.Spec.Targets {
		b.Spec.Targets[k].ClusterSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: fmt.Sprint("absent", k), Operator: metav1.LabelSelectorOpNotIn, Values: values},
			{Key: "region", Operator: metav1.LabelSelectorOpIn, Values: values},
		}}
	}
	return writeBundle(client, b, i)
}

// writeBundle returns the i-th request that writes a Bundle: the first creates it.
func writeBundle(client *rest.RESTClient, b *v1alpha1.Bundle, i int) *rest.Request {
	if i == 0 {
		return client.Post().AbsPath(path(loudly, "bundles")).Body(text(b))
	}
	return client.Patch(types.MergePatchType).AbsPath(path(loudly, "bundles", b.Name)).Body(text(map[string]any{"spec": b.Spec}))
}
