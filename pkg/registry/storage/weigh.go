// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const (
	// weighSample is how many objects are measured to estimate the size of a list.
	weighSample = 8
	// listWithin bounds how long a list waits for its memory.
	listWithin = 15 * time.Second
	// listAgain is when a client may retry after such a wait, in seconds.
	listAgain = 5
)

var errListsFull = errors.New("other large lists of the same user, or of all users, are still being sent")

// admitList waits until the memory for a list of n objects is free. The objects may already
// be rendered: they share most of their memory with the state, while their encodings share
// none.
func (s *Store) admitList(ctx context.Context, n int, at func(i int) runtime.Object) error {
	client := fair.Of(ctx)
	if client == nil || n == 0 {
		return nil
	}
	size, err := weigh(n, at)
	if err != nil {
		return fmt.Errorf("the size of a list of %s: %w", s.resource, err)
	}
	if !client.Fits(size) {
		return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("%s: a list of %d objects (about %d MiB) is too large for one answer in this form: ask for pages (limit=500), or for plain JSON",
			s.resource.Resource, n, size>>20))
	}
	within, cancel := context.WithTimeoutCause(ctx, listWithin, errListsFull)
	defer cancel()
	err = client.List(within, size)
	if errors.Is(err, errListsFull) {
		return apierrors.NewTooManyRequests(fmt.Sprintf("%s: this list takes about %d MiB, and %v: ask for pages (limit=500), or try again later", s.resource.Resource, size>>20, err), listAgain)
	}
	return err
}

// weigh estimates the JSON size of n objects, in bytes, from an evenly spread sample. It
// counts the resources of every Bundle, because they differ most.
func weigh(n int, at func(i int) runtime.Object) (int64, error) {
	samples := min(n, weighSample)
	var sampled, resources int64
	for k := range samples {
		object := at(k * n / samples)
		if bundle, ok := object.(*v1alpha1.Bundle); ok {
			without := *bundle
			without.Spec.Resources = nil
			object = &without
		}
		text, err := json.Marshal(object)
		if err != nil {
			return 0, err
		}
		sampled += int64(len(text))
	}
	if _, ok := at(0).(*v1alpha1.Bundle); ok {
		for i := range n {
			resources += sizeOf(at(i).(*v1alpha1.Bundle).Spec.Resources)
		}
	}
	return sampled*int64(n)/int64(samples) + resources, nil
}

// sizeOf returns about how many bytes of JSON a Bundle's resources have.
func sizeOf(resources []v1alpha1.BundleResource) (size int64) {
	for _, r := range resources {
		size += int64(len(r.Name) + len(r.Content))
	}
	return size
}

// storedSize returns about how many bytes of JSON the records of an item have, without a
// Bundle's resources. Derived parts have their own bound.
func storedSize(item view.Item) (size int64) {
	switch item := item.(type) {
	case *view.BundleDeployment:
		if item.Report != nil {
			size = item.Report.Size()
		}
	case *view.Object:
		if size = int64(item.Record.Size); item.Report != nil {
			size += int64(item.Report.Size)
		}
	}
	return size
}
