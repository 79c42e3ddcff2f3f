// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleets

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Store writes a fleet into a log that holds none of it.
func Store(ctx context.Context, log *etcd.Log, f Fleet) error {
	const batch, writers = 50, 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	txn := etcd.Txn{Put: map[record.Key][]byte{}}
	flush := func() {
		full := txn
		txn = etcd.Txn{Put: map[record.Key][]byte{}}
		group.Go(func() error {
			_, ok, err := log.Commit(ctx, full)
			if err == nil && !ok {
				err = errors.New("a write without a guard was refused")
			}
			return err
		})
	}
	for object := range f.Objects {
		if err := Put(&txn, object); err != nil {
			return errors.Join(err, group.Wait())
		}
		if len(txn.Put) >= batch {
			flush()
		}
		if ctx.Err() != nil {
			break
		}
	}
	flush()
	return group.Wait()
}

// Put adds an object to a transaction, as the API server stores it.
func Put(txn *etcd.Txn, object record.APIObject) error {
	resource, err := resourceOf(object)
	if err != nil {
		return err
	}
	name := record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
	object.GetObjectKind().SetGroupVersionKind(record.KindOf(resource))
	o := &record.Object{Object: object}
	if b, ok := object.(*v1alpha1.Bundle); ok {
		encoded := manifest.Encode(b.Spec.Resources)
		o.Digest = manifest.Digest(encoded)
		o.Content, o.Resources = manifest.ID(o.Digest), len(b.Spec.Resources)
		txn.Content = append(txn.Content, etcd.Content{ID: o.Content, Data: manifest.Compress(encoded)})
		b.Spec.Resources = nil
		seed := sha256.Sum256([]byte(b.Name))
		o.Seed, o.Time = seed[:], made
	}
	value, err := o.Encode()
	if err != nil {
		return err
	}
	txn.Put[record.ObjectKey(resource, name)] = value
	return nil
}

func resourceOf(object record.APIObject) (string, error) {
	switch object.(type) {
	case *v1alpha1.Bundle:
		return record.Bundles, nil
	case *v1alpha1.Cluster:
		return record.Clusters, nil
	case *v1alpha1.ClusterGroup:
		return record.ClusterGroups, nil
	case *v1alpha1.GitRepo:
		return record.GitRepos, nil
	}
	return "", fmt.Errorf("no fleet has a %T", object)
}

// Cluster returns the i-th Cluster with more labels, for a write that is not a request.
func Cluster(i int, labels map[string]string) *v1alpha1.Cluster {
	c := cluster(i)
	for name, value := range labels {
		c.Labels[name] = value
	}
	return c
}
