// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package labelchange

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

// yardsticks hold a custom resource with its watch, and what puts into etcd.
type yardsticks struct {
	requests *rest.RESTClient
	events   chan site.Event
	broken   chan error
	put      func(value string) (time.Duration, error)
}

const customName = "yardstick"

func newYardsticks(ctx context.Context, s *site.Site) (*yardsticks, error) {
	c := &yardsticks{events: make(chan site.Event, 16), broken: make(chan error, 1), put: s.Yardstick(ctx)}
	var err error
	c.requests, err = custom.Put(ctx, s, 1, func(int) (map[string]any, error) {
		return map[string]any{"metadata": map[string]any{"namespace": "default", "name": customName, "uid": "00000000-0000-4000-8000-000000000000", "creationTimestamp": "2026-01-01T00:00:00Z"}}, nil
	})
	if err != nil {
		return nil, err
	}
	watching, err := site.Connect(s.Control.Config)
	if err != nil {
		return nil, err
	}
	revision, err := site.Version(ctx, c.requests, custom.Deployments)
	if err != nil {
		return nil, err
	}
	err = site.Collect(ctx, watching, custom.Deployments, revision, c.events, c.broken)
	return c, err
}

// label adds or removes a label of the custom resource, and returns the time to its event.
func (c *yardsticks) label(ctx context.Context, add bool) (time.Duration, error) {
	patch := c.requests.Patch(types.MergePatchType).AbsPath(site.Path(custom.Deployments, "default", customName)).Body([]byte(labelPatch(add)))
	sent := time.Now()
	if _, err := site.Answer(ctx, patch); err != nil {
		return 0, err
	}
	select {
	case e := <-c.events:
		return e.At.Sub(sent), nil
	case err := <-c.broken:
		return 0, err
	case <-time.After(eventWithin):
		return 0, errors.New("the custom resource's event did not come")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
