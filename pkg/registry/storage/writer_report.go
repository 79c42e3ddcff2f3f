// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// reportWriter writes report records.
type reportWriter struct{ *Store }

func (reportWriter) creates() bool { return false }

func (reportWriter) guesses() bool { return true }

func (reportWriter) revision(item view.Item) int64 {
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

func (r reportWriter) transaction(v *view.View, item view.Item, name record.Name, next record.APIObject) (*write, error) {
	report := &record.Report{ManagedFields: entries(next.GetManagedFields(), "status"), UID: identity(item)}
	status, err := record.New(r.resource.Resource)
	if err != nil {
		return nil, err
	}
	if record.HasStatus(status) {
		record.SetStatus(status, next)
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
	key := record.ReportKey(r.resource.Resource, name)
	out := &write{text: size, Txn: etcd.Txn{
		Unchanged: r.grounds(v, item),
		// The key may still hold the report of a deleted object, at a revision that the
		// item does not name.
		NotAfter: map[record.Key]int64{key: v.Revision},
		Put:      map[record.Key][]byte{key: data},
	}}
	if r.resource.Resource == record.BundleDeployments {
		out.NotAfter[record.TargetingGuardKey()] = v.Revision
		out.NotAfter[record.VersionsGuardKey()] = v.Revision
		switch guard, counts := countsAgainstLimit(v, item, status); {
		case counts:
			out.Put[guard] = []byte("{}")
		case guard != record.Key{}:
			// The answer holds only for what is promoted in the view.
			out.NotAfter[record.PromotionKey(name)] = v.Revision
		}
	}
	return out, nil
}

// grounds returns the records that an object depends on for its existence, with their
// revisions. A report that is committed after the deletion would count for the next object
// with that name.
func (r reportWriter) grounds(v *view.View, item view.Item) map[record.Key]int64 {
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
		add(r.resource.Resource, item.Name())
	}
	return out
}

// reported returns the report that an item shows now, an empty one if it has none. So a
// write of zero values where no report exists changes nothing.
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
		none.Status = record.NewLike(next.Status)
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

// withoutDerived removes the fields that the server computes from a written status. Clients
// cannot change them.
func withoutDerived(status record.APIObject, item view.Item) {
	view.Facts(status)
	if status, ok := status.(*v1alpha1.Cluster); ok {
		object := item.(*view.Object)
		if object.Report != nil && object.Report.Status.(*v1alpha1.Cluster).Status.Namespace != "" {
			return // a client set it, so it is a fact
		}
		if status.Status.Namespace == object.Derived.Namespace {
			status.Status.Namespace = ""
		}
	}
}

// keepFields keeps the managed fields as they are if a write brought only derived fields:
// sending those does not make a client their owner. An apply is an exception, because it
// names the fields that it owns.
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

// addPlan adds nothing: the engine does not plan reports.
func (reportWriter) addPlan(context.Context, record.Name, *write) (bool, error) { return true, nil }

func (r reportWriter) send(ctx context.Context, name record.Name, w *write) (int64, bool, error) {
	if r.allowance != nil {
		r.allowance.charge(agentOf(r.resource.Resource, name), w.Size(), w.text)
	}
	return r.log.CommitTogether(ctx, w.Txn)
}

func (r reportWriter) tooLarge(name string, size int) error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf(
		"the status of %s %q takes %d bytes in the store, and one write may take %d: shorten the messages and patches in it, or its longest list",
		r.resource.Resource, name, size, etcd.MaxSize))
}
