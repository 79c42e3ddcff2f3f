// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// Get implements storage.Interface.
func (s *Store) Get(ctx context.Context, key string, opts storage.GetOptions, out runtime.Object) error {
	at, err := s.parse(key, false)
	if err != nil {
		return err
	}
	v, err := s.viewAt(ctx, opts.ResourceVersion, 0)
	if err != nil {
		return err
	}
	item := v.Get(s.resource.Resource, at.name)
	if s.writer != nil {
		// A dry run of an update reads the object here; a real update reads it in
		// GuaranteedUpdate.
		noteAttempt(ctx, s.attempt(item, s.overwrites(item), v))
	}
	if item == nil {
		err := s.absent(v, at.name, key)
		if opts.IgnoreNotFound && storage.IsNotFound(err) {
			return runtime.SetZeroValue(out)
		}
		return err
	}
	object, err := s.one(ctx, item)
	if err != nil {
		return err
	}
	if s.writer != nil {
		// The registry's dry runs and deletions modify the object that they get here.
		object = object.DeepCopyObject().(record.APIObject)
	}
	record.Into(out, object)
	return nil
}
