// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// renderedAtOnce is how many BundleDeployments a list builds between two pauses.
const renderedAtOnce = 32

// renderList sets the items of a list. BundleDeployments are built in place, because their
// lists are long; other objects are built and copied.
func (s *Store) renderList(ctx context.Context, items []view.Item, list runtime.Object) error {
	if deployments, ok := list.(*v1alpha1.BundleDeploymentList); ok {
		if err := s.admitList(ctx, len(items), func(i int) runtime.Object { return items[i].Render() }); err != nil {
			return err
		}
		deployments.Items = make([]v1alpha1.BundleDeployment, len(items))
		for i, item := range items {
			item.(*view.BundleDeployment).RenderInto(&deployments.Items[i])
			if s.places != view.PlaceBits {
				deployments.Items[i].ResourceVersion = s.text(item.Version())
			}
			if i%renderedAtOnce == 0 {
				if err := fair.Of(ctx).Pause(ctx); err != nil {
					return err
				}
			}
		}
		s.counters.Rendered.Add(int64(len(items)))
		return nil
	}
	objects, err := s.render(ctx, items)
	if err != nil {
		return err
	}
	all := make([]runtime.Object, len(objects))
	for i, object := range objects {
		all[i] = object
	}
	if err := s.admitList(ctx, len(all), func(i int) runtime.Object { return all[i] }); err != nil {
		return err
	}
	return meta.SetList(list, all)
}
