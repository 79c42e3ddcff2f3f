// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

var _ storage.Interface = (*Store)(nil)

// Store serves one resource. Several stores may serve one, each with a writer of its own.
type Store struct {
	resource schema.GroupResource
	engine   *engine.Engine
	log      *etcd.Log
	// writer writes objects or reports; nil if nothing may be written.
	writer   writer
	contents *contentCache
	counters *Counters
	// remaining is what lists between two of their pages know.
	remaining remaining
	// allowance bounds what may be reported; nil is no bound.
	allowance *Allowance
	// places are those of its resourceVersions.
	places view.Places
	storage.APIObjectVersioner
}

// NewObjects returns the store of a resource's objects: its main endpoint.
func NewObjects(resource string, e *engine.Engine, log *etcd.Log) *Store {
	s := NewComputed(resource, e, log)
	s.writer = objectWriter{s}
	return s
}

// NewReports returns the store of what is written through a resource's status
// endpoint. It reads the same objects.
func NewReports(resource string, e *engine.Engine, log *etcd.Log) *Store {
	s := NewComputed(resource, e, log)
	s.writer = reportWriter{s}
	return s
}

// NewComputed returns the store of a resource of which nothing can be written.
func NewComputed(resource string, e *engine.Engine, log *etcd.Log) *Store {
	return &Store{resource: v1alpha1.Resource(resource), engine: e, log: log, contents: newContentCache(maxCached), counters: new(Counters), places: view.PlaceBits}
}

// WithPlaces returns the store with another number of places in its resourceVersions. With
// none, one is a revision, and the objects that a revision changes share it.
func (s *Store) WithPlaces(p view.Places) *Store {
	s.places = p
	return s
}

// Versioner implements storage.Interface.
func (s *Store) Versioner() storage.Versioner { return s.APIObjectVersioner }

// ReadinessCheck implements storage.Interface.
func (s *Store) ReadinessCheck() error {
	if s.engine.Ready() != nil {
		return storage.ErrStorageNotReady
	}
	return nil
}

// RequestWatchProgress implements storage.Interface. Watches of a view always
// know how far they are.
func (s *Store) RequestWatchProgress(context.Context) error { return nil }

// GetCurrentResourceVersion implements storage.Interface, by quorum.
func (s *Store) GetCurrentResourceVersion(ctx context.Context) (uint64, error) {
	v, err := s.barrier(ctx)
	if err != nil {
		return 0, err
	}
	return s.numberAt(v.Revision), nil
}

// text returns a version as a resourceVersion, number as the number of one. numberAt returns
// the number of the state after a revision.
func (s *Store) text(v view.Version) string     { return strconv.FormatUint(s.number(v), 10) }
func (s *Store) number(v view.Version) uint64   { return s.places.Number(v) }
func (s *Store) numberAt(revision int64) uint64 { return s.number(view.VersionAt(revision)) }

// EnableResourceSizeEstimation implements storage.Interface.
func (s *Store) EnableResourceSizeEstimation(storage.KeysFunc) error { return nil }

// CompactRevision implements storage.Interface: what is before it cannot be read.
func (s *Store) CompactRevision() int64 {
	v, err := s.engine.Current()
	if err != nil {
		return 0
	}
	if v.Oldest == 1 {
		return 0 // that is all there ever was
	}
	return int64(s.numberAt(v.Oldest))
}

// scope is what a key of storage.Interface names: everything, a namespace, or
// one object.
type scope struct {
	name record.Name
	// single is true of the key of an object, that there may be or not.
	single bool
	// key is as the store takes it; that of everything and of a namespace ends with a
	// slash. Continue tokens count from it.
	key string
}

// prefix is what all keys of the resource begin with.
func (s *Store) prefix() string { return "/" + s.resource.Resource + "/" }

// parse finds out what a key names. With recursive it is what is below the key.
func (s *Store) parse(key string, recursive bool) (scope, error) {
	key, err := storage.PrepareKey(s.prefix(), key, recursive)
	if err != nil {
		return scope{}, err
	}
	at := scope{key: key, single: !recursive}
	switch parts := strings.Split(strings.TrimPrefix(key, s.prefix()), "/"); {
	case recursive && len(parts) <= 2:
		at.name.Namespace = parts[0]
	case len(parts) == 1:
		at.name.Name = parts[0]
	case len(parts) == 2:
		at.name = record.Name{Namespace: parts[0], Name: parts[1]}
	case recursive:
		// Nothing is below an object. No namespace has a slash in its name.
		at.name.Namespace = strings.Join(parts[:len(parts)-1], "/")
	default:
		return scope{}, fmt.Errorf("invalid key: %q", key)
	}
	return at, nil
}

func (s *Store) key(name record.Name) string { return s.prefix() + name.String() }

// blockTimeout bounds how long a read waits for a revision, as kube-apiserver's
// watch cache does.
const blockTimeout = 3 * time.Second

// answerTimeout bounds how long the answer to a write that is done waits for its
// revision, while the engine is ready: half of a request's time. To give up earlier
// would tell a client that nothing is known of what it has just written, because the
// revisions before it, say Bundles for 10,000 Clusters, take their time.
const answerTimeout = 30 * time.Second

// barrier returns a view that holds everything committed before the call.
func (s *Store) barrier(ctx context.Context) (*view.View, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, blockTimeout, errBlocked)
	defer cancel()
	var v *view.View
	err := fair.Of(ctx).Outside(ctx, func() (err error) {
		v, err = s.engine.Barrier(ctx)
		return err
	})
	return v, s.apiError(err)
}

// waitFor returns a view at the revision of the version or later.
func (s *Store) waitFor(ctx context.Context, version view.Version) (*view.View, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, blockTimeout, errBlocked)
	defer cancel()
	v, err := s.engine.WaitFor(ctx, version.Revision())
	if err == nil {
		return v, nil
	}
	return nil, s.tooLarge(version, err)
}

// waitForWritten is waitFor after a write at that revision.
func (s *Store) waitForWritten(ctx context.Context, revision int64) (*view.View, error) {
	for began := time.Now(); ; {
		v, err := s.waitFor(ctx, view.VersionAt(revision))
		if err == nil || !storage.IsTooLargeResourceVersion(err) || s.engine.Ready() != nil || time.Since(began) > answerTimeout {
			return v, err
		}
	}
}

// waitToResume is waitFor for a watch. Another replica may have told its client of the
// revision: that this one is some seconds behind is no reason to have the client list
// again. One that etcd does not have either is too large.
func (s *Store) waitToResume(ctx context.Context, version view.Version) (*view.View, error) {
	for began := time.Now(); ; {
		v, err := s.waitFor(ctx, version)
		if err == nil || !storage.IsTooLargeResourceVersion(err) || s.engine.Ready() != nil || time.Since(began) > answerTimeout {
			return v, err
		}
		if present, behind := s.barrier(ctx); behind == nil && present.Revision < version.Revision() {
			return nil, err
		}
	}
}

// sure fails where it is not known which objects there were at a revision: an agent
// uninstalls what is missing.
func (s *Store) sure(v *view.View, revision int64) error {
	switch {
	case s.resource.Resource == record.BundleDeployments && v.Whole == view.Never:
		return errUnsure
	case s.resource.Resource == record.BundleDeployments && revision < v.Whole, revision < v.ReadSince[s.resource.Resource]:
		return view.ErrCompacted // what was told then may have been wrong
	}
	return nil
}

// complete fails where an object of the scope may be there and is not in the view: it
// could not be read when the state was loaded.
func (s *Store) complete(v *view.View, at scope) error {
	for name := range v.Unread[s.resource.Resource] {
		if name == at.name || (!at.single && (at.name.Namespace == "" || at.name.Namespace == name.Namespace)) {
			return s.apiError(errUnsure)
		}
	}
	return nil
}

// absent is why there is no object of that name: it is not there, or nobody knows.
func (s *Store) absent(v *view.View, name record.Name, key string) error {
	if err := s.complete(v, scope{name: name, single: true}); err != nil {
		return err
	}
	return storage.NewKeyNotFoundError(key, 0)
}

// viewAt returns the view that a read with a resource version is served from.
// With exact, it is the state at just that revision.
func (s *Store) viewAt(ctx context.Context, resourceVersion string, exact int64) (*view.View, error) {
	v, err := s.viewOf(ctx, resourceVersion, exact)
	if err != nil {
		return nil, err
	}
	if err := s.sure(v, v.Revision); err != nil {
		return nil, s.apiError(err)
	}
	return v, nil
}

func (s *Store) viewOf(ctx context.Context, resourceVersion string, exact int64) (*view.View, error) {
	if exact > 0 {
		version := s.places.Version(uint64(exact))
		v, err := s.waitFor(ctx, version)
		if err != nil {
			return nil, err
		}
		if !version.Whole() {
			return nil, WithinRevision(uint64(exact), s.numberAt(version.Revision()))
		}
		at, err := v.At(version.Revision())
		if errors.Is(err, view.ErrCompacted) {
			return nil, listExpired()
		}
		return at, s.apiError(err)
	}
	minimum, err := s.ParseResourceVersion(resourceVersion)
	switch {
	case err != nil:
		return nil, s.apiError(err)
	case resourceVersion == "":
		return s.barrier(ctx)
	case minimum == 0:
		v, err := s.engine.Current()
		return v, s.apiError(err)
	default:
		return s.waitFor(ctx, s.places.Version(minimum))
	}
}

// into hands a rendered object out. The first level is the receiver's.
func into(out runtime.Object, from record.APIObject) { record.Into(out, from) }
