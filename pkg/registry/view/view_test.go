// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

func cluster() *v1alpha1.Cluster {
	return &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{
		Name: "c", Namespace: "ns", UID: "uid", Labels: map[string]string{"a": "1"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "user"}},
	}}
}

func TestAnObjectIsTheJoinOfItsRecords(t *testing.T) {
	t.Parallel()
	status := &v1alpha1.Cluster{}
	status.Status.Agent.Namespace = "agent"
	o := &Object{
		ID: record.Name{Namespace: "ns", Name: "c"}, At: VersionAt(7), Record: &record.Object{Object: cluster()},
		Report:  &record.Report{Status: status, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "agent", Subresource: "status"}}},
		Derived: Derived{Namespace: "derived"},
	}
	got := o.Render().(*v1alpha1.Cluster)
	want := cluster()
	want.ResourceVersion = VersionAt(7).String()
	want.Status = status.Status
	want.Status.Namespace = "derived"
	want.ManagedFields = append(want.ManagedFields, o.Report.ManagedFields...)
	require.Equal(t, want, got)
	require.Equal(t, cluster(), o.Record.Object, "the record is left alone")

	got.Name = "changed"
	require.Equal(t, "c", o.Render().GetName(), "the first level is the caller's own")
	require.Equal(t, map[string]string{"a": "1"}, o.Labels())
}

func TestANamespaceThatAClientHasSetIsNotDerived(t *testing.T) {
	t.Parallel()
	status := &v1alpha1.Cluster{}
	status.Status.Namespace = "own"
	o := &Object{Record: &record.Object{Object: cluster()}, Report: &record.Report{Status: status}, Derived: Derived{Namespace: "derived"}}
	require.Equal(t, "own", o.Render().(*v1alpha1.Cluster).Status.Namespace)
}

func TestAFailureShowsInTheReadyCondition(t *testing.T) {
	t.Parallel()
	status := &v1alpha1.Bundle{}
	status.Status.Conditions = []v1alpha1.GenericCondition{{Type: "Ready", Status: "True", LastUpdateTime: "then"}}
	o := &Object{Record: &record.Object{Object: &v1alpha1.Bundle{}}, Report: &record.Report{Status: status}, Derived: Derived{Failure: "it does not work"}}
	want := []v1alpha1.GenericCondition{{Type: "Ready", Status: "False", Reason: "Error", Message: "it does not work", LastUpdateTime: "then"}}
	require.Equal(t, want, o.Render().(*v1alpha1.Bundle).Status.Conditions)
	require.Equal(t, "True", string(status.Status.Conditions[0].Status), "the report is left alone")
}

// reportOf returns a report as the engine reads it from etcd.
func reportOf(t *testing.T, r *record.Report) *Report {
	t.Helper()
	data, err := r.Encode()
	require.NoError(t, err)
	out, err := NewReport(data, 1)
	require.NoError(t, err)
	return out
}

// pair returns a BundleDeployment after one change by the test.
func pair(change func(*BundleDeployment)) *BundleDeployment {
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "ns", UID: "b"}}
	out := &BundleDeployment{
		At: VersionAt(5), Bundle: &BundleFace{Bundle: bundle, ManifestID: "s-1"},
		Cluster: &ClusterFace{Cluster: cluster(), Namespace: "cluster-ns"},
		Content: &derive.Content{DeploymentID: "s-1:x"},
	}
	change(out)
	return out
}

// TestPairsAreTheSameIfTheyRenderTheSame uses the rendered object as the oracle.
func TestPairsAreTheSameIfTheyRenderTheSame(t *testing.T) {
	t.Parallel()
	plain := pair(func(*BundleDeployment) {})
	for name, c := range map[string]struct {
		a, b func(*BundleDeployment)
		same bool
	}{
		"nothing":       {func(*BundleDeployment) {}, func(*BundleDeployment) {}, true},
		"the revision":  {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.At = 6 }, true},
		"the content":   {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Content = &derive.Content{DeploymentID: "s-1:y"} }, false},
		"the manifest":  {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Bundle.ManifestID = "s-2" }, false},
		"a label":       {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Bundle.Bundle.Labels = map[string]string{"l": "1"} }, false},
		"the cluster":   {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Cluster.Cluster.UID = "other" }, false},
		"its schedule":  {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Cluster.Cluster.Status.Scheduled = true }, false},
		"paused bundle": {func(*BundleDeployment) {}, func(p *BundleDeployment) { p.Bundle.Bundle.Spec.Paused = true }, false},
		"paused by the one, then by the other": {
			func(p *BundleDeployment) { p.Bundle.Bundle.Spec.Paused = true },
			func(p *BundleDeployment) { p.Cluster.Cluster.Spec.Paused = true }, true,
		},
		"paused by one, then by both": {
			func(p *BundleDeployment) { p.Bundle.Bundle.Spec.Paused = true },
			func(p *BundleDeployment) { p.Bundle.Bundle.Spec.Paused, p.Cluster.Cluster.Spec.Paused = true, true }, true,
		},
		"a report": {func(*BundleDeployment) {}, func(p *BundleDeployment) {
			status := &v1alpha1.BundleDeployment{}
			status.Status.Ready = true
			p.Report = reportOf(t, &record.Report{Status: status})
		}, false},
	} {
		a, b := pair(c.a), pair(c.b)
		require.Equal(t, c.same, a.Same(b), name)
		require.Equal(t, c.same, b.Same(a), name)
		x, y := a.Render(), b.Render()
		x.SetResourceVersion("")
		y.SetResourceVersion("")
		require.Equal(t, c.same, assert.ObjectsAreEqual(x, y), name)
	}
	require.Equal(t, record.Name{Namespace: "cluster-ns", Name: "b"}, plain.Name())
	require.Equal(t, plain.Render().GetLabels(), plain.Labels())
	require.Equal(t, VersionAt(5).String(), plain.Render().GetResourceVersion())
}

func TestARenderedChangeIsSharedWhileInUseAndAnErrorIsNotKept(t *testing.T) {
	t.Parallel()
	c := &Change{}
	failed := errors.New("failed")
	one := func() (*v1alpha1.Cluster, error) { return &v1alpha1.Cluster{}, nil }
	none := func() (*v1alpha1.Cluster, error) { return nil, failed }
	_, err := Rendered(c, Present, none)
	require.ErrorIs(t, err, failed)
	first, err := Rendered(c, Present, one)
	require.NoError(t, err)
	runtime.GC()
	second, err := Rendered(c, Present, none)
	require.NoError(t, err)
	require.Same(t, first, second)
	gone, err := Rendered(c, Gone, one)
	require.NoError(t, err)
	require.NotSame(t, first, gone)
}

func TestTheHistoryDoesNotHoldRenderedObjects(t *testing.T) {
	t.Parallel()
	const size, many = 1 << 20, 100
	changes := make([]Change, many)
	before := heap()
	for i := range changes {
		for _, form := range []Form{Present, Gone} {
			_, err := Rendered(&changes[i], form, func() (*[size]byte, error) { return new([size]byte), nil })
			require.NoError(t, err)
		}
	}
	// Other tests use memory too, but less.
	require.Eventually(t, func() bool { return heap() < before+many*size }, 10*time.Second, 10*time.Millisecond)
	runtime.KeepAlive(changes)
}

func TestARevisionOutOfOrderPanics(t *testing.T) {
	t.Parallel()
	b := NewBuilder(Limits{Revisions: 10, Changes: 10})
	b.Load(5)
	require.PanicsWithValue(t, "view: revision 5 follows 5", func() { b.Next(5) })
}
