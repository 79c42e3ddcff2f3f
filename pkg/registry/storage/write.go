// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// maxAttempts bounds how often a write is planned anew because a record that it depends on
// has changed.
const maxAttempts = 64

// Create implements storage.Interface.
func (s *Store) Create(ctx context.Context, key string, obj, out runtime.Object, _ uint64) error {
	at, err := s.parse(key, false)
	if err != nil {
		return err
	}
	if s.writer == nil || !s.writer.creates() {
		return apierrors.NewMethodNotSupported(s.resource, "create")
	}
	next := obj.(record.APIObject)
	if named, err := s.ObjectResourceVersion(next); err == nil && named != 0 {
		return storage.ErrResourceVersionSetOnCreate
	}
	for range maxAttempts {
		v, err := s.barrier(ctx)
		if err != nil {
			return err
		}
		if v.Get(s.resource.Resource, at.name) != nil {
			return storage.NewKeyExistsError(key, 0)
		}
		w, err := s.writer.transaction(v, nil, at.name, next)
		if err != nil {
			return s.apiError(err)
		}
		revision, done, err := s.commit(ctx, at.name, w)
		if err != nil {
			return err
		}
		if done {
			return s.answer(ctx, at.name, revision, out)
		}
	}
	return s.contended(at.name)
}

// GuaranteedUpdate implements storage.Interface.
func (s *Store) GuaranteedUpdate(ctx context.Context, key string, out runtime.Object, ignoreNotFound bool, preconditions *storage.Preconditions, tryUpdate storage.UpdateFunc, _ runtime.Object) error {
	at, err := s.parse(key, false)
	if err != nil {
		return err
	}
	if s.writer == nil {
		return apierrors.NewMethodNotSupported(s.resource, "update")
	}
	// Guards check a guess at the commit. An update that commits nothing is checked again
	// after a barrier.
	guess := s.writer.guesses()
	if err := s.allowed(at.name); err != nil {
		return err
	}
	for range maxAttempts {
		v, err := s.base(ctx, guess)
		if err != nil {
			return err
		}
		item := v.Get(s.resource.Resource, at.name)
		w, err := s.propose(ctx, v, item, at.name, key, ignoreNotFound, preconditions, tryUpdate)
		if w == nil && guess {
			guess = false
			now, unsure := s.barrier(ctx)
			if unsure != nil {
				return unsure
			}
			// If the item is the same, so is the state. But an error may come from a
			// revision that this replica had not seen.
			if now.Get(s.resource.Resource, at.name) != item || err != nil && item != nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		if w == nil {
			return s.show(ctx, item, out)
		}
		guess = false
		revision, done, err := s.commit(ctx, at.name, w)
		if err != nil {
			return err
		}
		if done {
			return s.answer(ctx, at.name, revision, out)
		}
	}
	return s.contended(at.name)
}

// base returns the view that an update is planned from: the current one for a guess,
// otherwise one that holds everything committed before.
func (s *Store) base(ctx context.Context, guess bool) (*view.View, error) {
	if guess && s.engine.Ready() == nil {
		return s.viewAt(ctx, "0", 0)
	}
	return s.viewAt(ctx, "", 0)
}

// propose returns the write that an update makes from the item of a view, nil if it changes
// nothing.
func (s *Store) propose(ctx context.Context, v *view.View, item view.Item, name record.Name, key string, ignoreNotFound bool, preconditions *storage.Preconditions, tryUpdate storage.UpdateFunc) (*write, error) {
	if item == nil && !ignoreNotFound {
		return nil, s.absent(v, name, key)
	}
	existing, err := s.existing(ctx, item)
	if err != nil {
		return nil, err
	}
	now := s.attempt(item, s.overwrites(item), v)
	noteAttempt(ctx, now)
	if err := now.rebase(preconditions).Check(key, existing); err != nil {
		return nil, err
	}
	updated, _, err := tryUpdate(existing, storage.ResponseMeta{ResourceVersion: s.number(versionOf(item))})
	if err != nil {
		return nil, err
	}
	w, err := s.writer.transaction(v, item, name, updated.(record.APIObject))
	return w, s.apiError(err)
}

// Delete implements storage.Interface.
func (s *Store) Delete(ctx context.Context, key string, out runtime.Object, preconditions *storage.Preconditions, validate storage.ValidateObjectFunc, _ runtime.Object, options storage.DeleteOptions) error {
	at, err := s.parse(key, false)
	if err != nil {
		return err
	}
	if s.writer == nil || !s.writer.creates() {
		return apierrors.NewMethodNotSupported(s.resource, "delete")
	}
	if options.ExpectTransformOrDecodeError {
		return s.deleteUnreadable(ctx, at.name, key, validate)
	}
	for range maxAttempts {
		v, err := s.barrier(ctx)
		if err != nil {
			return err
		}
		item, ok := v.Get(s.resource.Resource, at.name).(*view.Object)
		if !ok {
			return s.absent(v, at.name, key)
		}
		existing, err := s.existing(ctx, item)
		if err != nil {
			return err
		}
		// A deletion removes both records.
		now := s.attempt(item, max(item.RecordRevision, item.ReportRevision), v)
		if err := now.rebase(preconditions).Check(key, existing); err != nil {
			return err
		}
		if err := validate(ctx, existing); err != nil {
			return err
		}
		object, report := record.ObjectKey(s.resource.Resource, at.name), record.ReportKey(s.resource.Resource, at.name)
		w := &write{Txn: etcd.Txn{
			Unchanged: map[record.Key]int64{object: item.RecordRevision},
			NotAfter:  map[record.Key]int64{report: v.Revision},
			Put:       map[record.Key][]byte{},
			Delete:    []record.Key{object, report},
		}}
		revision, done, err := s.commit(ctx, at.name, w)
		if err != nil {
			return err
		}
		if !done {
			continue
		}
		after, err := s.waitForWritten(ctx, revision)
		if err != nil {
			return s.writtenError(at.name, revision, err)
		}
		if err := s.show(ctx, item, out); err != nil {
			return s.writtenError(at.name, revision, err)
		}
		return s.UpdateObject(out, s.number(s.left(after, at.name, revision)))
	}
	return s.contended(at.name)
}

// commit adds the engine's plan to a write and commits it. It returns false if a record
// that the write depends on has changed. It ends as soon as the replica becomes unready.
func (s *Store) commit(ctx context.Context, name record.Name, w *write) (int64, bool, error) {
	ctx, done := s.whileReady(ctx)
	defer done()
	if ok, err := s.prepare(ctx, name, w); !ok || err != nil {
		if why := unready(ctx, err); why != nil {
			err = s.apiError(why) // nothing of the write itself can have been written
		}
		return 0, false, err
	}
	fair.Of(ctx).Rest()
	revision, ok, err := s.writer.send(ctx, name, w)
	s.counters.wrote(ok, err)
	if why := unready(ctx, err); why != nil && !errors.Is(err, etcd.ErrRefused) {
		err = why // and not because the client is gone
	}
	return revision, ok, s.commitError(name, w.Size(), err)
}

// prepare plans a write, and commits what has to precede it. It returns false if the write has
// to be planned anew.
func (s *Store) prepare(ctx context.Context, name record.Name, w *write) (bool, error) {
	if ok, err := s.writer.addPlan(ctx, name, w); !ok || err != nil {
		return false, err
	}
	size := w.Size()
	if size <= etcd.MaxSize {
		return true, nil
	}
	if !w.fitsWithoutContent() {
		return false, s.writer.tooLarge(name.Name, size)
	}
	err := s.commitContent(ctx, name, w)
	return err == nil, err
}

// commitContent commits the contents of a write before the rest of it. No record refers to
// them until the rest is committed; if it never is, the sweep removes them. The rest is
// committed only if etcd still has the contents.
func (s *Store) commitContent(ctx context.Context, name record.Name, w *write) error {
	_, ok, err := s.log.Commit(ctx, etcd.Txn{Content: w.Content})
	s.counters.wrote(ok, err)
	if err != nil {
		return s.commitError(name, w.contentSize(), err)
	}
	for _, content := range w.Content {
		w.HasContent = append(w.HasContent, content.ID)
	}
	w.Content = nil
	return nil
}

// answer sets out to the object as it was right after the write.
func (s *Store) answer(ctx context.Context, name record.Name, revision int64, out runtime.Object) error {
	v, err := s.waitForWritten(ctx, revision)
	if err != nil {
		return s.writtenError(name, revision, err)
	}
	if then, err := v.At(revision); err == nil {
		v = then
	}
	item := v.Get(s.resource.Resource, name)
	if item == nil {
		// The object was written, a later revision deleted it, and the history no longer
		// has the state between.
		return apierrors.NewNotFound(s.resource, name.Name)
	}
	return s.writtenError(name, revision, s.show(ctx, item, out))
}

func (s *Store) show(ctx context.Context, item view.Item, out runtime.Object) error {
	if out == nil || item == nil {
		return nil
	}
	objects, err := s.render(ctx, []view.Item{item})
	if err != nil {
		return err
	}
	record.Into(out, objects[0])
	return nil
}

// existing returns a copy of an object, empty if item is nil, that an update may modify.
func (s *Store) existing(ctx context.Context, item view.Item) (record.APIObject, error) {
	if item == nil || item.Name() == (record.Name{}) {
		return record.New(s.resource.Resource)
	}
	object, err := s.one(ctx, item)
	if err != nil {
		return nil, err
	}
	return object.DeepCopyObject().(record.APIObject), nil
}

func (s *Store) overwrites(item view.Item) int64 {
	if item == nil {
		return 0
	}
	return s.writer.revision(item)
}

func versionOf(item view.Item) view.Version {
	if item == nil {
		return 0
	}
	return item.Version()
}

// left returns the version at which a revision deleted an object.
func (s *Store) left(v *view.View, name record.Name, revision int64) view.Version {
	if r := v.Exactly(revision); r != nil {
		if placed := r.Placed(s.resource.Resource, name.Namespace, name.Name); len(placed.Changes) > 0 {
			return placed.Version(0)
		}
	}
	return view.VersionAt(revision)
}
