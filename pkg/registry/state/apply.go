// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"slices"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/undecodable"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// work holds what one revision requires. It is gathered from the records first, and then done
// in the order of the dependencies.
type work struct {
	*State
	at   int64
	made Decoded // what was decoded before Apply

	// What the records changed, by name.
	rules    map[string]struct{}      // namespaces whose mappings, restrictions or policies changed
	groups   map[record.Name]struct{} // ClusterGroups
	clusters map[record.Name]struct{} // Clusters, their reports or their pins
	bundles  map[record.Name]struct{} // Bundles or their pins
	reported map[record.Name]struct{} // BundleDeployments
	promoted map[record.Name]struct{} // BundleDeployments: their promotion or holder records

	// What follows from these changes.
	before  map[*bundle]*version   // the version in force before the revision, of every bundle touched
	rescope map[*bundle]struct{}   // bundles to match against all clusters again
	settle  settlement             // pairs whose BundleDeployment may have changed
	dropped map[*bundle][]*cluster // clusters that a dropped version targeted
	regroup map[*cluster]struct{}  // clusters that entered or left a changed group, or are in one
	// unsettled are pairs outside settle whose BundleDeployment changed. obstructed are
	// bundles with a BundleDeployment whose obstacle appeared or disappeared.
	unsettled  map[claim]struct{}
	obstructed map[*bundle]struct{}
	first      *first // set if this is the first revision of the state

	settling claim                 // the claim of settle that is being settled
	scratch  map[*cluster]struct{} // reused by retarget
	largest  int                   // the largest size that scratch has had
}

// Reach returns a view of the state at a later revision that changed nothing in it, or at its
// own.
func (s *State) Reach(revision int64) *view.View {
	s.revision = max(s.revision, revision)
	return s.builder.Reached(s.revision)
}

// Next returns a view of the state after Apply.
func (s *State) Next() *view.View {
	v := s.builder.Next(s.revision)
	s.watchPublished(v)
	return v
}

// Changes calls each with the objects that Apply has changed since the last view.
func (s *State) Changes(each func(resource string, name record.Name)) { s.builder.Changes(each) }

func (s *State) apply(batch etcd.Batch) { s.Apply(batch, nil) }

// Apply brings the state to a revision. It decodes the objects and reports that decoded
// lacks. The next view holds all of the revision or nothing of it.
func (s *State) Apply(batch etcd.Batch, decoded Decoded) {
	defer s.writer.Begin()()
	w := &work{
		State: s, at: batch.Revision, made: decoded,
		rules:      map[string]struct{}{},
		groups:     map[record.Name]struct{}{},
		clusters:   map[record.Name]struct{}{},
		bundles:    map[record.Name]struct{}{},
		reported:   map[record.Name]struct{}{},
		promoted:   map[record.Name]struct{}{},
		before:     map[*bundle]*version{},
		rescope:    map[*bundle]struct{}{},
		settle:     settlement{map[*cluster][]*bundle{}, nil},
		dropped:    map[*bundle][]*cluster{},
		regroup:    map[*cluster]struct{}{},
		unsettled:  map[claim]struct{}{},
		obstructed: map[*bundle]struct{}{},
		scratch:    map[*cluster]struct{}{},
	}
	s.revision = batch.Revision
	// An object comes before its report, whatever the order in the transaction.
	records := slices.Clone(batch.Records)
	slices.SortStableFunc(records, func(a, b etcd.Record) int { return cmp.Compare(a.Key.Type, b.Key.Type) })
	errs := make([]error, len(records))
	for i := range records {
		errs[i] = w.take(&records[i])
	}
	w.undecodable.Note(records, errs)
	w.builder.SetWhole(w.undecodable.Missing() == 0, batch.Revision)
	w.builder.SetUnread(w.undecodable.Unread())
	w.applyRules()
	w.applyGroups()
	w.applyClusters()
	w.applyBundles()
	w.fileReads()
	w.publish()
	s.checkInvariants()
}

// take enters one record into the tables and notes what it concerns.
func (w *work) take(r *etcd.Record) error {
	if r.Err != nil {
		if r.Value == nil {
			return nil // the record is gone, whatever it was
		}
		return r.Err
	}
	name := r.Key.Name
	switch r.Key.Type {
	case record.TypeObject:
		if err := w.takeObject(r); err != nil {
			return err
		}
		w.concern(r.Key.Resource, name)
	case record.TypeReport:
		if r.Key.Resource == record.BundleDeployments {
			return w.takeBundleDeploymentReport(r)
		}
		was := w.object(r.Key.Resource, name)
		if err := w.takeReport(r); err != nil {
			return err
		}
		if r.Key.Resource == record.Clusters && !heartbeat(was, w.object(r.Key.Resource, name)) {
			w.clusters[name] = struct{}{}
		}
	case record.TypePin:
		return w.takePin(r)
	case record.TypeMirror:
		return w.takeMirror(r)
	case record.TypePromotion:
		return w.takePromotion(r)
	case record.TypeRollout:
		return w.takeRollout(r)
	case record.TypeHolder:
		return w.takeHolder(r)
	case record.TypeGuard:
		if w.guards[r.Key] = r.Revision; r.Value == nil {
			delete(w.guards, r.Key)
		}
	}
	return nil
}

// concern notes what has to follow a change of an object.
func (w *work) concern(resource string, name record.Name) {
	switch resource {
	case record.Bundles:
		w.bundles[name] = struct{}{}
	case record.Clusters:
		w.clusters[name] = struct{}{}
	case record.ClusterGroups:
		w.groups[name] = struct{}{}
	case record.Mappings, record.Restrictions, record.Policies:
		w.rules[name.Namespace] = struct{}{}
	default:
		w.ledger.Written(resource, name)
	}
}

// object returns a stored object as it is in the tables now, or nil.
func (s *State) object(resource string, name record.Name) *view.Object {
	return s.builder.Object(resource, name)
}

func (w *work) takeObject(r *etcd.Record) error {
	if r.Value == nil {
		w.builder.Delete(r.Key.Resource, r.Key.Name)
		return nil
	}
	old := w.object(r.Key.Resource, r.Key.Name)
	made := w.decoded(r)
	decoded, err := made.object, made.err
	switch {
	case err != nil && old != nil:
		return undecodable.Kept(err)
	case err != nil:
		return err
	}
	next := &view.Object{ID: r.Key.Name, At: w.changedAt(r), Record: decoded, RecordRevision: r.Revision}
	if old != nil && old.Record.Object.GetUID() == decoded.Object.GetUID() {
		next.Report, next.ReportRevision, next.Derived = old.Report, old.ReportRevision, old.Derived
	}
	key := record.ReportKey(r.Key.Resource, r.Key.Name)
	if orphan, ok := w.orphans[key]; ok && orphan.UID == decoded.Object.GetUID() {
		next.Report, next.ReportRevision = orphan.Report, orphan.revision
		next.At = max(next.At, w.changedAt(&etcd.Record{Key: r.Key, Revision: orphan.revision}))
	}
	delete(w.orphans, key)
	w.builder.Put(r.Key.Resource, next)
	return nil
}

// changedAt returns when the object of a record last changed. For a kind without derived
// fields that is the record's revision, even when the state is loaded. The view sets the
// place within the revision.
func (w *work) changedAt(r *etcd.Record) view.Version {
	switch r.Key.Resource {
	case record.Bundles, record.Clusters, record.ClusterGroups, record.GitRepos, record.HelmOps:
		return view.VersionAt(w.at)
	}
	return view.VersionAt(r.Revision)
}

func (w *work) takeReport(r *etcd.Record) error {
	old := w.object(r.Key.Resource, r.Key.Name)
	if old == nil {
		return w.takeOrphan(r)
	}
	next := &view.Object{ID: old.ID, At: max(old.At, w.changedAt(r)), Record: old.Record, RecordRevision: old.RecordRevision, Derived: old.Derived}
	if r.Value != nil {
		made := w.decoded(r)
		decoded, err := made.report, made.err
		switch {
		case err != nil && old.Report != nil:
			return undecodable.Kept(err)
		case err != nil:
			return err
		}
		// A report on an earlier object with that name is unused.
		if decoded.UID == old.Record.Object.GetUID() {
			next.Report, next.ReportRevision = decoded, r.Revision
		}
	}
	if next.Report == nil && old.Report == nil {
		return nil
	}
	w.builder.Put(r.Key.Resource, next)
	return nil
}

// orphan is a report on an object that does not exist.
type orphan struct {
	*record.Report
	revision int64
}

// takeOrphan keeps a report whose object does not exist: the object may be one that could not
// be read when the state was loaded, and may return.
func (w *work) takeOrphan(r *etcd.Record) error {
	if r.Value == nil {
		delete(w.orphans, r.Key)
		return nil
	}
	made := w.decoded(r)
	if made.err != nil {
		return made.err
	}
	w.orphans[r.Key] = orphan{made.report, r.Revision}
	return nil
}

func (w *work) takePin(r *etcd.Record) error {
	switch r.Key.Resource {
	case record.Bundles:
		w.bundles[r.Key.Name] = struct{}{}
		return keepPin(w.bundlePins, r)
	case record.Clusters:
		w.clusters[r.Key.Name] = struct{}{}
		return keepPin(w.clusterPins, r)
	}
	return nil
}

// keepPin enters a pin, a rollout record or a holder record. If it cannot be decoded, the
// last value remains, or an empty one takes its place. Its revision is kept either way:
// without that no write could ever replace the record.
func keepPin[T record.BundlePin | record.ClusterPins | record.Rollout | record.Holder](pins map[record.Name]storedPin[T], r *etcd.Record) error {
	if r.Value == nil {
		delete(pins, r.Key.Name)
		return nil
	}
	last, had := pins[r.Key.Name]
	pin, err := record.Decode[T](r.Value)
	switch {
	case err != nil && had:
		pin, err = last.pin, undecodable.Kept(err)
	case err != nil:
		pin = new(T)
	}
	pins[r.Key.Name] = storedPin[T]{pin, r.Revision}
	return err
}

// touch remembers which version of a bundle was in force before the revision. It must be
// called before any change that affects that.
func (w *work) touch(b *bundle) {
	if _, done := w.before[b]; !done {
		w.before[b] = w.inForce(b)
	}
}
