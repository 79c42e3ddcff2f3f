// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/state/statetest"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// object returns a stored object with a roll-up.
func object(of record.APIObject, rolled view.Status) *view.Object {
	return &view.Object{ID: statetest.NameOf(of), Record: &record.Object{Object: of}, Derived: view.Derived{Status: rolled}}
}

// seen returns the report of an agent that is there.
func seen() *record.Report {
	c := &v1alpha1.Cluster{}
	c.Status.Agent.LastSeen = metav1.NewTime(time.Unix(1_700_000_000, 0))
	return &record.Report{Status: c}
}

// cluster returns a Cluster with a namespace for its BundleDeployments.
func cluster(name string, labels map[string]string, rolled v1alpha1.ClusterStatus) *view.Object {
	c := object(statetest.Cluster(name, labels), &view.ClusterStatus{ClusterStatus: rolled})
	c.Derived.Namespace = "home-" + name
	return c
}

// pair returns the BundleDeployment of a Bundle on a Cluster.
func pair(bundle, cluster *view.Object, id string) *view.BundleDeployment {
	return &view.BundleDeployment{
		At:      1,
		Bundle:  view.NewBundleFace(bundle.Record.Object.(*v1alpha1.Bundle), "s-1"),
		Cluster: view.NewClusterFace(cluster.Record.Object.(*v1alpha1.Cluster), cluster.Derived.Namespace, false),
		Content: &derive.Content{DeploymentID: id},
	}
}

// ready returns the report that a deployment is in order.
func ready(t testing.TB, id string) *view.Report {
	t.Helper()
	bd := &v1alpha1.BundleDeployment{}
	bd.Status = v1alpha1.BundleDeploymentStatus{AppliedDeploymentID: id, Ready: true, NonModified: true}
	data, err := (&record.Report{Status: bd, UID: "0193b7d0-8d80-7cc5-8a46-6d0c1f0d0c0f"}).Encode()
	require.NoError(t, err)
	r, err := view.NewReport(data, 1)
	require.NoError(t, err)
	return r
}

// engineOf is an engine that shows one view.
type engineOf struct {
	view *view.View
	lost error
}

func (e *engineOf) Ready() error                 { return e.lost }
func (e *engineOf) Current() (*view.View, error) { return e.view, nil }

// large returns a view of a fleet in which each Cluster has the same number of Bundles.
func large(t testing.TB, bundles, clusters, each int) *view.View {
	t.Helper()
	b := view.NewBuilder(view.Limits{Revisions: 1})
	var all []*view.Object
	for i := range bundles {
		of := statetest.Bundle(fmt.Sprintf("service-%05d", i))
		of.Labels = map[string]string{v1alpha1.LabelRepoName: fmt.Sprintf("repository-%03d", i%100), v1alpha1.LabelCommit: "0dc44110f84c18cb8ef50ae93af35bc0205f7c0c"}
		status := v1alpha1.BundleStatus{Summary: v1alpha1.BundleSummary{DesiredReady: 33, Ready: 33}}
		all = append(all, object(of, &view.BundleStatus{BundleStatus: status}))
		b.Put(record.Bundles, all[i])
	}
	report := ready(t, "s-1:o")
	for i := range clusters {
		c := cluster(fmt.Sprintf("cluster-%05d", i), map[string]string{v1alpha1.LabelClusterDisplayName: fmt.Sprintf("store-%05d", i)}, v1alpha1.ClusterStatus{})
		c.Report = seen()
		b.Put(record.Clusters, c)
		for k := range each {
			bd := pair(all[(i*each+k)%bundles], c, "s-1:o")
			bd.Report = report
			b.Put(record.BundleDeployments, bd)
		}
	}
	return b.Load(1)
}
