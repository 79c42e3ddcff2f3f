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
	"github.com/musterfleet/muster/pkg/registry/reports"
)

var (
	_ Item = (*Object)(nil)
	_ Item = (*BundleDeployment)(nil)
)

// Item is one object in a view, rendered or not.
type Item interface {
	// Name returns the object's key in its table.
	Name() record.Name
	// Version returns the version at which the object last changed.
	Version() Version
	// place sets the version of an object that is in no view yet.
	place(Version)
	// Labels returns the object's labels; the caller must not modify them.
	Labels() map[string]string
	// Render returns the API object, without a Bundle's resources. The caller may modify
	// only its first level: everything that it points to is shared.
	Render() record.APIObject
	// replaced estimates the memory of the records that the item refers to and the next
	// state of its object does not. next is nil if the object is gone.
	replaced(next Item) int
}

// Object is a stored object: its object record, its report and its derived part, joined.
type Object struct {
	ID record.Name
	// At is the version at which the join last changed.
	At Version

	Record         *record.Object
	RecordRevision int64
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

// BundleDeployment is a pair: a Bundle version in force on a Cluster. Faces and contents are
// shared between pairs.
type BundleDeployment struct {
	At      Version
	Bundle  *BundleFace
	Cluster *ClusterFace
	Content *derive.Content
	// Staged is the staged content; nil if that is Content.
	Staged *derive.Content
	// Computed is the content that the version in force has on the Cluster; nil if that
	// is Content. Unless something is held back, all three are the same.
	Computed *derive.Content
	// Report is the agent's report; nil without one.
	Report *Report
	// Downstream describes the copies (S 4.7).
	Downstream Copies
}

// Copies holds how often a BundleDeployment's copies changed, and whether its agent has to
// wait for them. It packs both into one number, because a view holds many BundleDeployments.
type Copies int64

// CopiesOf returns the Copies with this count of changes and this answer to Await.
func CopiesOf(count int64, await bool) Copies {
	if await {
		return Copies(count<<1 | 1)
	}
	return Copies(count << 1)
}

// Count returns how often the copies changed.
func (c Copies) Count() int64 { return int64(c >> 1) }

// Await reports whether the agent has to wait.
func (c Copies) Await() bool { return c&1 != 0 }

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

// Render implements Item. The result is not kept: a caller that needs it twice keeps it.
func (b *BundleDeployment) Render() record.APIObject {
	object := &v1alpha1.BundleDeployment{}
	b.RenderInto(object)
	return object
}

// RenderInto renders into an empty object, such as an element of a list.
func (b *BundleDeployment) RenderInto(object *v1alpha1.BundleDeployment) {
	in := b.inputs()
	if b.Report != nil {
		report := b.Report.Read()
		in.Report, in.ReportManagedFields = statusOn(report), report.ManagedFields
	}
	derive.FillBundleDeployment(object, in)
}

// inputs returns everything that it is rendered from, except the report.
func (b *BundleDeployment) inputs() derive.Inputs {
	return derive.Inputs{
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
}

// Generation returns the generation of the rendered object without rendering it.
func (b *BundleDeployment) Generation() int64 { return derive.Generation(b.inputs()) }

// State returns the state of the rendered object (S 7.1) without decoding the report.
func (b *BundleDeployment) State() v1alpha1.BundleState {
	var digest reports.Digest
	if b.Report != nil {
		digest = b.Report.Digest()
	}
	return digest.State(b.Content.DeploymentID, b.staged().DeploymentID)
}

// Same reports whether two pairs with one name show the same, apart from their versions.
func (b *BundleDeployment) Same(o *BundleDeployment) bool {
	return b.Report == o.Report && b.Downstream == o.Downstream && b.paused() == o.paused() &&
		b.Content.Equal(o.Content) && b.staged().Equal(o.staged()) && b.sameDrift(o) &&
		b.Cluster.same(o.Cluster) && b.Bundle.same(o.Bundle)
}

func (b *BundleDeployment) staged() *derive.Content { return cmp.Or(b.Staged, b.Content) }

// sameDrift compares the drift correction of the computed contents. A roll-out holds back
// everything else in a computed content.
func (b *BundleDeployment) sameDrift(o *BundleDeployment) bool {
	x, y := cmp.Or(b.Computed, b.Content), cmp.Or(o.Computed, o.Content)
	return x == y || equality.Semantic.DeepEqual(x.Options.CorrectDrift, y.Options.CorrectDrift)
}

// paused reports whether the Bundle or the Cluster is paused. Both show in one field (S 5.2).
func (b *BundleDeployment) paused() bool {
	return b.Bundle.Bundle.Spec.Paused || b.Cluster.Cluster.Spec.Paused
}

// same reports whether two faces are equal, apart from the field that paused compares.
func (f *BundleFace) same(o *BundleFace) bool {
	if f == o {
		return true
	}
	a, b := *f.Bundle, *o.Bundle
	a.Spec.Paused, b.Spec.Paused = false, false
	return f.ManifestID == o.ManifestID && equality.Semantic.DeepEqual(&a, &b)
}

// same reports whether two faces are equal, apart from the field that paused compares.
func (f *ClusterFace) same(o *ClusterFace) bool {
	if f == o {
		return true
	}
	a, b := *f.Cluster, *o.Cluster
	a.Spec.Paused, b.Spec.Paused = false, false
	return f.Namespace == o.Namespace && equality.Semantic.DeepEqual(&a, &b)
}
