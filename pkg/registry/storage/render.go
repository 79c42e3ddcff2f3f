// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// render builds the API objects of items. A Bundle gets its resources back from
// its content record, which is not part of any view: content is addressed by
// what it holds, so it is right at every revision.
func (s *Store) render(ctx context.Context, items []view.Item) ([]record.APIObject, error) {
	out := make([]record.APIObject, len(items))
	var wanted []string
	for i, item := range items {
		out[i] = item.Render()
		if id := contentOf(item); id != "" {
			wanted = append(wanted, id)
		}
	}
	if len(wanted) == 0 {
		return out, nil
	}
	contents, err := s.log.Contents(ctx, wanted)
	if err != nil {
		return nil, s.apiError(err)
	}
	for i, item := range items {
		id := contentOf(item)
		if id == "" {
			continue
		}
		resources, err := decodeContent(contents[id])
		if err != nil {
			// Without its contents a Bundle would look like an empty one.
			return nil, s.apiError(fmt.Errorf("contents %s of Bundle %s: %w", id, item.Name(), err))
		}
		out[i].(*v1alpha1.Bundle).Spec.Resources = resources
	}
	return out, nil
}

// contentOf names the content record that an item needs to be rendered, "" if
// none.
func contentOf(item view.Item) string {
	if object, ok := item.(*view.Object); ok && object.Record.Resources > 0 {
		return object.Record.Content
	}
	return ""
}

// maxManifest bounds what a content record may grow to: more than any request
// could have brought.
const maxManifest = 64 << 20

func decodeContent(compressed []byte) ([]v1alpha1.BundleResource, error) {
	if compressed == nil {
		return nil, fmt.Errorf("the record is missing")
	}
	bytes, err := manifest.Decompress(compressed, maxManifest)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(bytes)
}
