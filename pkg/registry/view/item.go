// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

var (
	_ Item = (*Object)(nil)
	_ Item = (*BundleDeployment)(nil)
)

// Item is one object in a view, rendered or not.
type Item interface {
	// Name is the object's key in its table.
	Name() record.Name
	// Version returns the version at which the object last changed.
	Version() Version
	// place sets the version of an object that is in no view yet.
	place(Version)
	// Labels are the object's labels; they must not be modified.
	Labels() map[string]string
	// Render returns the API object, without a Bundle's resources. The result
	// is the caller's only on its first level: what it points to is shared and
	// must not be modified.
	Render() record.APIObject
	// replaced is how much memory the item refers to in records that the next state of
	// its object, nil if that is gone, does not.
	replaced(next Item) int
}

// Object is a stored object: the join of its object record, its report and its
// derived part.
type Object struct {
	ID record.Name
	// At is the version at which the join last changed.
	At Version

	Record         *record.Object
	RecordRevision int64
	// Report is nil if nothing was reported.
	Report         *record.Report
	ReportRevision int64
	Derived        Derived
}

// Name implements Item.
func (o *Object) Name() record.Name { return o.ID }

// Version implements Item.
func (o *Object) Version() Version { return o.At }

func (o *Object) place(at Version) { o.At = at }

// Labels implements Item.
func (o *Object) Labels() map[string]string { return o.Record.Object.GetLabels() }

// Render implements Item. The join is not kept: history would hold one for each revision.
func (o *Object) Render() record.APIObject {
	object := record.Copy(o.Record.Object)
	object.SetResourceVersion(o.At.String())
	if o.Report != nil {
		record.SetStatus(object, o.Report.Status)
		if len(o.Report.ManagedFields) > 0 {
			object.SetManagedFields(append(append([]metav1.ManagedFieldsEntry(nil), object.GetManagedFields()...), o.Report.ManagedFields...))
		}
	}
	o.Derived.apply(object)
	return object
}

// BundleDeployment is a pair: a Bundle version in force on a Cluster. Faces and
// contents are shared between pairs.
type BundleDeployment struct {
	// At is the version at which it last changed.
	At      Version
	Bundle  *BundleFace
	Cluster *ClusterFace
	// Content is what is promoted.
	Content *derive.Content
	// Staged is what is staged, nil if that is Content.
	Staged *derive.Content
	// Computed is what the version in force means on the Cluster, nil if that is
	// Content. Where nothing is held back, all three are one.
	Computed *derive.Content
	// Report is what an agent reported; nil if none did.
	Report *Report
	// Downstream is what is known of copies (S 4.7).
	Downstream Copies
}

// Copies tells of a BundleDeployment how often its copies changed, and whether its agent
// has to wait for them. It is as large as the count: there are many BundleDeployments.
type Copies int64

// CopiesOf joins the two.
func CopiesOf(count int64, await bool) Copies {
	if await {
		return Copies(count<<1 | 1)
	}
	return Copies(count << 1)
}

// Count is how often the copies changed.
func (c Copies) Count() int64 { return int64(c >> 1) }

// Await reports whether the agent has to wait.
func (c Copies) Await() bool { return c&1 != 0 }

// contents are what it shows; those that are another one's are nil.
func (b *BundleDeployment) contents() [3]*derive.Content {
	return [3]*derive.Content{b.Content, b.Staged, b.Computed}
}

// Name implements Item.
func (b *BundleDeployment) Name() record.Name {
	return record.Name{Namespace: b.Cluster.Namespace, Name: b.Bundle.Bundle.Name}
}

// Version implements Item.
func (b *BundleDeployment) Version() Version { return b.At }

func (b *BundleDeployment) place(at Version) { b.At = at }

// Labels implements Item.
func (b *BundleDeployment) Labels() map[string]string {
	return derive.BundleDeploymentLabels(b.Bundle.Bundle, b.Cluster.Cluster, b.Bundle.ManifestID)
}

// Render implements Item. It is not kept: a caller that needs it twice keeps it.
func (b *BundleDeployment) Render() record.APIObject {
	object := &v1alpha1.BundleDeployment{}
	b.RenderInto(object)
	return object
}

// RenderInto is Render in the place of an empty object, such as one of a list's.
func (b *BundleDeployment) RenderInto(object *v1alpha1.BundleDeployment) {
	in := derive.Inputs{
		Bundle:           b.Bundle.Bundle,
		Cluster:          b.Cluster.Cluster,
		ClusterNamespace: b.Cluster.Namespace,
		ManifestID:       b.Bundle.ManifestID,
		Content:          b.Content,
		Staged:           b.Staged,
		Computed:         b.Computed,
		Downstream:       b.Downstream.Count(),
		Waiting:          b.Downstream.Await(),
		Version:          int64(b.At),
	}
	if b.Report != nil {
		report := b.Report.Read()
		in.Report, in.ReportManagedFields = statusOn(report), report.ManagedFields
	}
	derive.FillBundleDeployment(object, in)
}

// Same tells whether two pairs of one name show the same, their revisions apart.
func (b *BundleDeployment) Same(o *BundleDeployment) bool {
	return b.Report == o.Report && b.Downstream == o.Downstream && b.paused() == o.paused() &&
		b.Content.Equal(o.Content) && b.staged().Equal(o.staged()) && b.sameDrift(o) &&
		b.Cluster.same(o.Cluster) && b.Bundle.same(o.Bundle)
}

func (b *BundleDeployment) staged() *derive.Content { return cmp.Or(b.Staged, b.Content) }

// sameDrift: of what the version in force means, this alone is not held back.
func (b *BundleDeployment) sameDrift(o *BundleDeployment) bool {
	x, y := cmp.Or(b.Computed, b.Content), cmp.Or(o.Computed, o.Content)
	return x == y || equality.Semantic.DeepEqual(x.Options.CorrectDrift, y.Options.CorrectDrift)
}

// paused: whichever of the two says so, it shows as one (S 5.2).
func (b *BundleDeployment) paused() bool {
	return b.Bundle.Bundle.Spec.Paused || b.Cluster.Cluster.Spec.Paused
}

// same compares faces, but for what paused says.
func (f *BundleFace) same(o *BundleFace) bool {
	if f == o {
		return true
	}
	a, b := *f.Bundle, *o.Bundle
	a.Spec.Paused, b.Spec.Paused = false, false
	return f.ManifestID == o.ManifestID && equality.Semantic.DeepEqual(&a, &b)
}

// same compares faces, but for what paused says.
func (f *ClusterFace) same(o *ClusterFace) bool {
	if f == o {
		return true
	}
	a, b := *f.Cluster, *o.Cluster
	a.Spec.Paused, b.Spec.Paused = false, false
	return f.Namespace == o.Namespace && equality.Semantic.DeepEqual(&a, &b)
}
