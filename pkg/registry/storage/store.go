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

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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

// Store serves one resource. Several stores may serve the same resource, each with its own
// writer.
type Store struct {
	resource schema.GroupResource
	engine   *engine.Engine
	log      *etcd.Log
	// writer writes objects or reports; nil if the store only reads.
	writer    writer
	contents  *contentCache
	counters  *Counters
	remaining remaining
	// allowance bounds what agents may report; nil means no bound.
	allowance *Allowance
	places    view.Places
	storage.APIObjectVersioner
}

// NewObjects returns the store behind a resource's main endpoint. It writes objects.
func NewObjects(resource string, e *engine.Engine, log *etcd.Log) *Store {
	s := NewComputed(resource, e, log)
	s.writer = objectWriter{s}
	return s
}

// NewReports returns the store behind a resource's status endpoint. It writes reports, and
// reads the same objects as the main endpoint.
func NewReports(resource string, e *engine.Engine, log *etcd.Log) *Store {
	s := NewComputed(resource, e, log)
	s.writer = reportWriter{s}
	return s
}

// NewComputed returns a store that only reads its resource.
func NewComputed(resource string, e *engine.Engine, log *etcd.Log) *Store {
	return &Store{resource: v1alpha1.Resource(resource), engine: e, log: log, contents: newContentCache(maxCached), counters: new(Counters), places: view.PlaceBits}
}

// WithPlaces sets how many bits of the store's resourceVersions are the place, and returns
// the store. With 0, a resourceVersion is a revision, and all objects that a revision
// changes share it.
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

// RequestWatchProgress implements storage.Interface. It does nothing, because watches of a
// view always know their progress.
func (s *Store) RequestWatchProgress(context.Context) error { return nil }

// GetCurrentResourceVersion implements storage.Interface. It asks etcd by quorum.
func (s *Store) GetCurrentResourceVersion(ctx context.Context) (uint64, error) {
	v, err := s.barrier(ctx)
	if err != nil {
		return 0, err
	}
	return s.numberAt(v.Revision), nil
}

// text returns a version as a resourceVersion, and number returns it as a number. numberAt
// returns the number of the state after a revision.
func (s *Store) text(v view.Version) string     { return strconv.FormatUint(s.number(v), 10) }
func (s *Store) number(v view.Version) uint64   { return s.places.Number(v) }
func (s *Store) numberAt(revision int64) uint64 { return s.number(view.VersionAt(revision)) }

// EnableResourceSizeEstimation implements storage.Interface.
func (s *Store) EnableResourceSizeEstimation(storage.KeysFunc) error { return nil }

// CompactRevision implements storage.Interface. Earlier revisions cannot be read.
func (s *Store) CompactRevision() int64 {
	v, err := s.engine.Current()
	if err != nil || v.Oldest == 1 { // 1: it has the whole history
		return 0
	}
	return int64(s.numberAt(v.Oldest))
}

// scope holds what a key of storage.Interface names: everything, a namespace, or one object.
type scope struct {
	name record.Name
	// single is set if the key names one object, which may or may not exist.
	single bool
	// key is the normalized key. That of everything, or of a namespace, ends with a slash.
	// Continue tokens are relative to it.
	key string
}

func (s *Store) prefix() string { return "/" + s.resource.Resource + "/" }

// parse returns what a key names. If recursive is set, that is everything below the key.
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
		// Nothing is below an object. No namespace has a slash in its name, so the scope
		// is empty.
		at.name.Namespace = strings.Join(parts[:len(parts)-1], "/")
	default:
		return scope{}, fmt.Errorf("invalid key: %q", key)
	}
	return at, nil
}

func (s *Store) key(name record.Name) string { return s.prefix() + name.String() }

// blockTimeout bounds how long a read waits for a revision, as in kube-apiserver's watch
// cache.
const blockTimeout = 3 * time.Second

// barrierTimeout bounds how long a request waits for etcd. It is longer than a replica
// without etcd stays ready (freshness.SilentAfter), so that the client of such a replica is
// sent to another one.
const barrierTimeout = 4 * time.Second

// answerTimeout bounds how long the answer to a committed write waits for its revision,
// while the engine is ready. It is half of the time that a request has, because the
// revisions before it may take long, for example Bundles for 10,000 Clusters.
const answerTimeout = 30 * time.Second

// whileReady returns a context that ends when the replica becomes unready. What waits for
// etcd then fails at once: another replica may answer.
func (s *Store) whileReady(ctx context.Context) (context.Context, context.CancelFunc) {
	lost := s.engine.Unready()
	ctx, cancel := context.WithCancelCause(ctx)
	forget := context.AfterFunc(lost, func() {
		why := s.engine.Ready()
		if why == nil { // it is ready again
			why = engine.ErrNotReady
		}
		cancel(why)
	})
	return ctx, func() {
		forget()
		cancel(nil)
	}
}

// unready returns the reason why the replica became unready, if that ended a context of
// whileReady with an error; otherwise nil.
func unready(ctx context.Context, err error) error {
	if why := context.Cause(ctx); errors.Is(err, context.Canceled) && errors.Is(why, engine.ErrNotReady) {
		return why
	}
	return nil
}

// barrier returns a view that holds everything committed before the call.
func (s *Store) barrier(ctx context.Context) (*view.View, error) {
	ctx, done := s.whileReady(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, barrierTimeout, errBlocked)
	defer cancel()
	var v *view.View
	err := fair.Of(ctx).Outside(ctx, func() (err error) {
		v, err = s.engine.Barrier(ctx)
		return err
	})
	if err != nil {
		s.counters.unread(ctx)
	}
	return v, s.apiError(err)
}

// waitFor returns a view at the revision of the version or later.
func (s *Store) waitFor(ctx context.Context, version view.Version) (*view.View, error) {
	ctx, done := s.whileReady(ctx)
	defer done()
	ctx, cancel := context.WithTimeoutCause(ctx, blockTimeout, errBlocked)
	defer cancel()
	v, err := s.engine.WaitFor(ctx, version.Revision())
	if err == nil {
		return v, nil
	}
	return nil, s.tooLarge(version, err)
}

// waitForWritten is waitFor after a write, for up to answerTimeout.
func (s *Store) waitForWritten(ctx context.Context, revision int64) (*view.View, error) {
	for began := time.Now(); ; {
		v, err := s.waitFor(ctx, view.VersionAt(revision))
		if err == nil || !storage.IsTooLargeResourceVersion(err) || s.engine.Ready() != nil || time.Since(began) > answerTimeout {
			return v, err
		}
	}
}

// waitToResume is waitFor for a watch, for up to answerTimeout: the client may have got the
// revision from another replica, and need not list again if this one is some seconds behind.
// A revision that etcd does not have either is too large.
func (s *Store) waitToResume(ctx context.Context, version view.Version) (*view.View, error) {
	for began := time.Now(); ; {
		v, err := s.waitFor(ctx, version)
		if err == nil || !storage.IsTooLargeResourceVersion(err) || s.engine.Ready() != nil || time.Since(began) > answerTimeout {
			return v, err
		}
		if now, behind := s.barrier(ctx); behind == nil && now.Revision < version.Revision() {
			return nil, err
		}
	}
}

// sure returns an error if it is unknown which objects existed at a revision: an agent
// uninstalls what is missing.
func (s *Store) sure(v *view.View, revision int64) error {
	switch {
	case s.resource.Resource == record.BundleDeployments && v.Whole == view.Never:
		return errUnsure
	case s.resource.Resource == record.BundleDeployments && revision < v.Whole, revision < v.ReadSince[s.resource.Resource]:
		return view.ErrCompacted // an answer at that revision may have been wrong
	}
	return nil
}

// complete returns an error if an object of the scope may exist that the view lacks,
// because its record could not be read when the state was loaded.
func (s *Store) complete(v *view.View, at scope) error {
	for name := range v.Unread[s.resource.Resource] {
		if name == at.name || (!at.single && (at.name.Namespace == "" || at.name.Namespace == name.Namespace)) {
			return s.apiError(errUnsure)
		}
	}
	return nil
}

// absent returns why a view has no such object: it does not exist, or that is unknown.
func (s *Store) absent(v *view.View, name record.Name, key string) error {
	if err := s.complete(v, scope{name: name, single: true}); err != nil {
		return err
	}
	return storage.NewKeyNotFoundError(key, 0)
}

// viewAt returns the view for a read with a resourceVersion. If exact is not 0, it is the
// state at exactly that resourceVersion.
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
			return nil, apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
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
