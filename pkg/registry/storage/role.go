// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// role says which record a write through a store goes to.
type role interface {
	// revision is that of the record that a write would overwrite; 0 if there is
	// none.
	revision(item view.Item) int64
	// write is the transaction that makes an object of a view what next is; nil if
	// that changes nothing. Item is nil for a new object.
	write(v *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error)
}

// write is a transaction, and the object record that it writes, for whoever
// plans what else it has to write.
type write struct {
	etcd.Txn
	object *record.Object
	// text is how many bytes of JSON a report has.
	text int
}

// objectRole writes object records.
type objectRole struct{ resource string }

func (r objectRole) revision(item view.Item) int64 {
	if object, ok := item.(*view.Object); ok {
		return object.RecordRevision
	}
	return 0
}

func (r objectRole) write(_ *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error) {
	object := next.DeepCopyObject().(record.APIObject)
	object.SetResourceVersion("")
	object.SetManagedFields(entries(object.GetManagedFields(), ""))
	// Some ways to write leave the kind in and some take it out. Stored always, it
	// is no difference between two records, and list items say what they are, as
	// a CRD's do.
	object.GetObjectKind().SetGroupVersionKind(record.KindOf(r.resource))
	out := &write{object: &record.Object{Object: object}}
	var old *record.Object
	if stored, ok := item.(*view.Object); ok {
		old = stored.Record
	}
	switch object := object.(type) {
	case *v1alpha1.Bundle:
		if err := r.writeBundle(out, old, object); err != nil {
			return nil, err
		}
	case *v1alpha1.Cluster:
		keepNamespace(out.object, item, object)
	}
	data, err := out.object.Encode()
	if err != nil {
		return nil, err
	}
	key := record.ObjectKey(r.resource, name)
	if old != nil {
		was, err := old.Encode()
		if err != nil {
			return nil, err
		}
		if bytes.Equal(was, data) {
			return nil, nil
		}
	}
	out.Unchanged = map[record.Key]int64{key: r.revision(item)}
	out.Put = map[record.Key][]byte{key: record.PackObject(data)}
	return out, nil
}

// seedSize is enough that nobody guesses what templates make of it.
const seedSize = 32

// writeBundle moves a Bundle's resources to a content record, and gives a new
// version its seed and its time.
func (r objectRole) writeBundle(out *write, old *record.Object, b *v1alpha1.Bundle) error {
	encoded := manifest.Encode(b.Spec.Resources)
	digest := manifest.Digest(encoded)
	out.object.Content, out.object.Digest, out.object.Resources = manifest.ID(digest), digest, len(b.Spec.Resources)
	if old == nil || old.Content != out.object.Content {
		// The Content's creationTimestamp, if this write is the first of it.
		out.Content = []etcd.Content{{ID: out.object.Content, Data: manifest.Stamp(manifest.Compress(encoded), time.Now())}}
	}
	b.Spec.Resources = nil
	// Not by the generation: a deletion that waits for finalizers raises that too.
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

// keepNamespace pins a Cluster's derived namespace before a label takes it away:
// once set, it never changes (S 8.1).
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

// reportRole writes report records.
type reportRole struct{ resource string }

func (r reportRole) revision(item view.Item) int64 {
	switch item := item.(type) {
	case *view.Object:
		return item.ReportRevision
	case *view.BundleDeployment:
		if item.Report != nil {
			return item.Report.Revision
		}
	}
	return 0
}

func (r reportRole) write(v *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error) {
	report := &record.Report{
		ManagedFields: entries(next.GetManagedFields(), "status"),
		UID:           identity(item),
	}
	status, err := record.New(r.resource)
	if err != nil {
		return nil, err
	}
	if to := reflect.ValueOf(status).Elem().FieldByName("Status"); to.IsValid() {
		to.Set(reflect.ValueOf(next).Elem().FieldByName("Status"))
		status = status.DeepCopyObject().(record.APIObject)
		report.Status = status
	}
	withoutDerived(status, item)
	was := reported(item, report)
	keepFields(report, was)
	if same, err := report.Equal(was); err != nil || same {
		return nil, err
	}
	data, size, err := report.EncodeSized()
	if err != nil {
		return nil, err
	}
	key := record.ReportKey(r.resource, name)
	out := &write{text: size, Txn: etcd.Txn{
		Unchanged: r.grounds(v, item),
		// Not by the revision that it is at: a dead report may be in its place.
		NotAfter: map[record.Key]int64{key: v.Revision},
		Put:      map[record.Key][]byte{key: data},
	}}
	if r.resource == record.BundleDeployments {
		out.NotAfter[record.TargetingGuardKey()] = v.Revision
		out.NotAfter[record.VersionsGuardKey()] = v.Revision
		switch guard, disturbed := disturbs(v, item, status); {
		case disturbed:
			out.Put[guard] = []byte("{}")
		case guard != record.Key{}:
			// It disturbs nothing by what the view says is promoted.
			out.NotAfter[record.PromotionKey(name)] = v.Revision
		}
	}
	return out, nil
}

// grounds are the records that make an object be there. A report must not
// outlive it: what is committed after the end would be taken for a report on the
// next object of that name.
func (r reportRole) grounds(v *view.View, item view.Item) map[record.Key]int64 {
	out := map[record.Key]int64{}
	add := func(resource string, name record.Name) {
		if object, ok := v.Get(resource, name).(*view.Object); ok {
			out[record.ObjectKey(resource, name)] = object.RecordRevision
		}
	}
	if pair, ok := item.(*view.BundleDeployment); ok {
		b, c := pair.Bundle.Bundle, pair.Cluster.Cluster
		add(record.Bundles, record.Name{Namespace: b.Namespace, Name: b.Name})
		add(record.Clusters, record.Name{Namespace: c.Namespace, Name: c.Name})
	} else {
		add(r.resource, item.Name())
	}
	return out
}

// reported is the record that stands for what an item shows now. Without a
// report that is an empty one: writing zeros where nothing is changes nothing.
func reported(item view.Item, next *record.Report) *record.Report {
	switch item := item.(type) {
	case *view.Object:
		if item.Report != nil {
			return item.Report
		}
	case *view.BundleDeployment:
		if item.Report != nil {
			return item.Report.Read()
		}
	}
	none := &record.Report{UID: next.UID}
	if next.Status != nil {
		none.Status = reflect.New(reflect.TypeOf(next.Status).Elem()).Interface().(record.APIObject)
	}
	return none
}

func identity(item view.Item) types.UID {
	switch item := item.(type) {
	case *view.Object:
		return item.Record.Object.GetUID()
	case *view.BundleDeployment:
		return derive.IdentityUID(item.Bundle.Bundle.UID, item.Cluster.Cluster.UID)
	}
	return ""
}

// withoutDerived takes out of a written status what the server computes: a client
// that sends it, as it read it or not, changes nothing by that.
func withoutDerived(status record.APIObject, item view.Item) {
	view.Facts(status)
	if status, ok := status.(*v1alpha1.Cluster); ok {
		object := item.(*view.Object)
		if object.Report != nil && object.Report.Status.(*v1alpha1.Cluster).Status.Namespace != "" {
			return // a client has set it, so it is a fact
		}
		if status.Status.Namespace == object.Derived.Namespace {
			status.Status.Namespace = ""
		}
	}
}

// keepFields leaves the managed fields as they are when a write brought nothing but
// derived fields: who sent those owns nothing by it. Only one that applies says what
// it owns, whatever that changes.
func keepFields(next, was *record.Report) {
	applied := func(r *record.Report) []metav1.ManagedFieldsEntry {
		return slices.DeleteFunc(slices.Clone(r.ManagedFields), func(e metav1.ManagedFieldsEntry) bool {
			return e.Operation != metav1.ManagedFieldsOperationApply
		})
	}
	if next.Status != nil && equality.Semantic.DeepEqual(next.Status, was.Status) && equality.Semantic.DeepEqual(applied(next), applied(was)) {
		next.ManagedFields = was.ManagedFields
	}
}

// entries are the managed fields of one subresource: those of the status are
// kept with the report.
func entries(all []metav1.ManagedFieldsEntry, subresource string) []metav1.ManagedFieldsEntry {
	var out []metav1.ManagedFieldsEntry
	for _, entry := range all {
		if entry.Subresource == subresource {
			out = append(out, entry)
		}
	}
	return out
}

// planned merges what the engine adds to a write.
func (w *write) planned(plan *engine.Plan) {
	for key, revision := range plan.Unchanged {
		w.Unchanged[key] = revision
	}
	w.UnchangedSince = append(w.UnchangedSince, plan.UnchangedSince...)
	for key, value := range plan.Put {
		w.Put[key] = value
	}
	w.Delete = append(w.Delete, plan.Delete...)
}
