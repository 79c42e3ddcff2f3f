// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"encoding/json"
	"fmt"

	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// statsSample is how many objects are measured to estimate the size of all.
const statsSample = 16

// Stats implements storage.Interface. The count is exact. The size is estimated from the
// JSON of some objects. It is the size in a list, not in etcd, where most BundleDeployments
// take no space.
func (s *Store) Stats(ctx context.Context) (storage.Stats, error) {
	v, err := s.engine.Current()
	if err != nil {
		return storage.Stats{}, s.apiError(err)
	}
	var sample []view.Item
	for item := range v.All(s.resource.Resource, record.Name{}) {
		if sample = append(sample, item); len(sample) == statsSample {
			break
		}
	}
	out := storage.Stats{ObjectCount: int64(v.Len(s.resource.Resource))}
	if len(sample) == 0 {
		return out, nil
	}
	objects, err := s.build(ctx, sample)
	if err != nil {
		return storage.Stats{}, err
	}
	for _, object := range objects {
		encoded, err := json.Marshal(object)
		if err != nil {
			return storage.Stats{}, fmt.Errorf("the size of %s %s: %w", s.resource, object.GetName(), err)
		}
		out.EstimatedAverageObjectSizeBytes += int64(len(encoded))
	}
	out.EstimatedAverageObjectSizeBytes /= int64(len(objects))
	return out, nil
}
