// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// objectWriter writes object records. The engine plans what each write has to record in
// addition: pins, and other facts that could not be derived after it.
type objectWriter struct{ *Store }

func (objectWriter) creates() bool { return true }

func (objectWriter) guesses() bool { return false }

func (objectWriter) revision(item view.Item) int64 {
	if object, ok := item.(*view.Object); ok {
		return object.RecordRevision
	}
	return 0
}

func (o objectWriter) transaction(_ *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error) {
	object := next.DeepCopyObject().(record.APIObject)
	object.SetResourceVersion("")
	object.SetManagedFields(entries(object.GetManagedFields(), ""))
	// Some requests keep the kind and some remove it. It is always stored, so that two
	// records never differ in it, and so that list items have it, as those of a CRD do.
	object.GetObjectKind().SetGroupVersionKind(record.KindOf(o.resource.Resource))
	out := &write{object: &record.Object{Object: object}}
	var old *record.Object
	if stored, ok := item.(*view.Object); ok {
		old = stored.Record
	}
	switch object := object.(type) {
	case *v1alpha1.Bundle:
		if err := o.writeBundle(out, old, object); err != nil {
			return nil, err
		}
	case *v1alpha1.Cluster:
		keepNamespace(out.object, item, object)
	}
	data, err := out.object.Encode()
	if err != nil {
		return nil, err
	}
	key := record.ObjectKey(o.resource.Resource, name)
	if old != nil {
		was, err := old.Encode()
		if err != nil {
			return nil, err
		}
		if bytes.Equal(was, data) {
			return nil, nil
		}
	}
	out.Unchanged = map[record.Key]int64{key: o.revision(item)}
	out.Put = map[record.Key][]byte{key: record.PackObject(data)}
	return out, nil
}

// seedSize is the size of a seed in bytes. A seed of this size cannot be guessed from what
// templates derive from it.
const seedSize = 32

// writeBundle moves a Bundle's resources to a content record, and gives a new version its
// seed and its time.
func (objectWriter) writeBundle(out *write, old *record.Object, b *v1alpha1.Bundle) error {
	encoded := manifest.Encode(b.Spec.Resources)
	digest := manifest.Digest(encoded)
	out.object.Content, out.object.Digest, out.object.Resources = manifest.ID(digest), digest, len(b.Spec.Resources)
	if old == nil || old.Content != out.object.Content {
		// The time becomes the Content's creationTimestamp if this write is the first with
		// that content.
		out.Content = []etcd.Content{{ID: out.object.Content, Data: manifest.Stamp(manifest.Compress(encoded), time.Now())}}
	}
	b.Spec.Resources = nil
	// The generation does not distinguish versions: a deletion that waits for finalizers
	// raises it too.
	if old != nil && out.object.Content == old.Content && sameVersion(old.Object.(*v1alpha1.Bundle), b) {
		out.object.Seed, out.object.Time = old.Seed, old.Time
		return nil
	}
	out.object.Seed = make([]byte, seedSize)
	if _, err := rand.Read(out.object.Seed); err != nil {
		return fmt.Errorf("draw a seed: %w", err)
	}
	out.object.Time = time.Now().UTC().Truncate(time.Second)
	return nil
}

func sameVersion(a, b *v1alpha1.Bundle) bool {
	return a.UID == b.UID && equality.Semantic.DeepEqual(a.Spec, b.Spec)
}

// keepNamespace records a Cluster's derived namespace before a label would change it: once
// set, it never changes (S 8.1).
func keepNamespace(out *record.Object, item view.Item, next *v1alpha1.Cluster) {
	old, ok := item.(*view.Object)
	if !ok {
		return
	}
	out.Namespace = old.Record.Namespace
	if out.Namespace == "" && old.Derived.Namespace != "" && next.Labels[v1alpha1.LabelClusterManagement] != "" {
		out.Namespace = old.Derived.Namespace
	}
}

func (o objectWriter) addPlan(ctx context.Context, name record.Name, w *write) (bool, error) {
	plan, err := o.engine.Plan(ctx, engine.Proposal{Resource: o.resource.Resource, Name: name, Object: w.object, Size: w.Size() - w.contentSize()})
	if err != nil {
		return false, o.apiError(err)
	}
	if len(plan.First) > 0 {
		return false, o.commitFirst(ctx, name, plan)
	}
	w.planned(plan)
	return true, nil
}

// commitFirst commits the transactions that have to precede a write. The write is then
// planned anew.
func (o objectWriter) commitFirst(ctx context.Context, name record.Name, plan *engine.Plan) error {
	for _, txn := range plan.First {
		_, ok, err := o.log.Commit(ctx, txn)
		o.counters.wrote(ok, err)
		if err != nil || !ok {
			return o.commitError(name, txn.Size(), err)
		}
	}
	return nil
}

func (o objectWriter) send(ctx context.Context, _ record.Name, w *write) (int64, bool, error) {
	return o.log.Commit(ctx, w.Txn)
}

func (o objectWriter) tooLarge(name string, size int) error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf(
		"%s %q takes %d bytes in the store, after compression, and one write may take %d: split it into several, "+
			"or keep large files in an OCI registry (spec.contentsId) or a Helm repository (spec.helm.repo) instead of spec.resources",
		o.resource.Resource, name, size, etcd.MaxSize))
}
