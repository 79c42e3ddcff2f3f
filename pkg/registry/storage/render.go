// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// render builds the API objects of items, for an answer or an event.
func (s *Store) render(ctx context.Context, items []view.Item) ([]record.APIObject, error) {
	s.counters.Rendered.Add(int64(len(items)))
	objects, err := s.build(ctx, items)
	if err == nil && s.places != view.PlaceBits {
		for i, item := range items {
			objects[i].SetResourceVersion(s.text(item.Version()))
		}
	}
	return objects, err
}

// one builds the API object of an item for a request on that object. The request takes a
// heavy turn if the object is large.
func (s *Store) one(ctx context.Context, item view.Item) (record.APIObject, error) {
	if err := fair.Of(ctx).Object(ctx, storedSize(item)); err != nil {
		return nil, err
	}
	objects, err := s.render(ctx, []view.Item{item})
	if err != nil {
		return nil, err
	}
	if bundle, ok := objects[0].(*v1alpha1.Bundle); ok {
		if err := fair.Of(ctx).Object(ctx, sizeOf(bundle.Spec.Resources)); err != nil {
			return nil, err
		}
	}
	return objects[0], nil
}

// build builds the API objects of items. It reads a Bundle's resources from its content
// record, which is not part of any view. The ID of a content is a hash of it, so it is
// right at every revision.
func (s *Store) build(ctx context.Context, items []view.Item) ([]record.APIObject, error) {
	out := make([]record.APIObject, len(items))
	resources := map[string][]v1alpha1.BundleResource{}
	var wanted []string
	for i, item := range items {
		out[i] = item.Render()
		id := contentOf(item)
		if id == "" {
			continue
		}
		if _, known := resources[id]; known {
			continue
		}
		cached, ok := s.contents.get(id)
		if !ok {
			wanted = append(wanted, id)
		}
		resources[id] = cached
	}
	if err := s.fetch(ctx, wanted, resources); err != nil {
		return nil, s.apiError(s.sweptError(items, err))
	}
	for i, item := range items {
		if id := contentOf(item); id != "" {
			out[i].(*v1alpha1.Bundle).Spec.Resources = resources[id]
		}
	}
	return out, nil
}

// sweptError returns why the contents of items could not be read. Contents that no Bundle
// has any more are swept, sometimes while the history still has the versions that had them.
// In that case it returns view.ErrCompacted.
func (s *Store) sweptError(items []view.Item, err error) error {
	v, unready := s.engine.Current()
	if !errors.Is(err, errNoContent) || unready != nil {
		return err
	}
	for _, item := range items {
		if id := contentOf(item); id != "" {
			if now := v.Get(s.resource.Resource, item.Name()); now == nil || contentOf(now) != id {
				return view.ErrCompacted
			}
		}
	}
	return err
}

// fetch reads the resources of manifests, and caches them.
func (s *Store) fetch(ctx context.Context, ids []string, into map[string][]v1alpha1.BundleResource) error {
	if len(ids) == 0 {
		return nil
	}
	contents, err := s.log.Contents(ctx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		resources, err := decodeContent(contents[id])
		if err != nil {
			// A Bundle without its contents would look empty.
			return fmt.Errorf("contents %s of a Bundle: %w", id, err)
		}
		s.contents.put(id, resources)
		into[id] = resources
	}
	return nil
}

// contentOf returns the ID of the content record that an item needs to be rendered, "" if
// it needs none.
func contentOf(item view.Item) string {
	if object, ok := item.(*view.Object); ok && object.Record.Resources > 0 {
		return object.Record.Content
	}
	return ""
}

// MaxManifest bounds the decompressed size of a content record, in bytes. No request can
// bring as much.
const MaxManifest = 64 << 20

var errNoContent = errors.New("the record is missing")

func decodeContent(compressed []byte) ([]v1alpha1.BundleResource, error) {
	if compressed == nil {
		return nil, errNoContent
	}
	bytes, err := manifest.Decompress(compressed, MaxManifest)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(bytes)
}
