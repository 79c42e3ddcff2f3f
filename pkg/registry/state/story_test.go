// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// theApp is the Bundle of most stories, and appOnC1 its BundleDeployment on the Cluster c1.
var (
	theApp  = record.Name{Namespace: "fleet", Name: "app"}
	appOnC1 = record.Name{Namespace: names.ClusterNamespace("fleet", "c1"), Name: "app"}
)

// story is a journal that a test writes step by step, as the API server would. Every step
// compares it with the oracle. A story that restarts continues with a state made from the
// records.
type story struct {
	t        *testing.T
	restarts bool
	*checker
	j *journal
}

func newStory(t *testing.T) *story { return &story{t, false, newChecker(t), newJournal()} }

// runStory runs a story twice: once with one state, and once with a restart after every step.
func runStory(t *testing.T, run func(s *story)) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one go": false, "restarted after every step": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(&story{t, restarts, newChecker(t), newJournal()})
		})
	}
}

func (s *story) write(objects ...record.APIObject) {
	s.t.Helper()
	for _, object := range objects {
		s.propose(Proposal{Resource: resourceOf(object), Name: nameOf(object), Object: recordOf(object)})
	}
}

func (s *story) delete(object record.APIObject) {
	s.t.Helper()
	s.propose(Proposal{Resource: resourceOf(object), Name: nameOf(object)})
}

func (s *story) propose(p Proposal) {
	s.t.Helper()
	s.commit(s.j.write(s.t, p))
}

func (s *story) commit(txn *etcd.Txn) {
	s.t.Helper()
	require.True(s.t, s.j.commit(nil, txn), "the guards of a fresh plan do not hold")
	want := s.answer(s.j.records)
	s.state(s.j.state, s.j.view, s.j.records, want)
	loaded, v := s.j.loaded(nil)
	s.state(loaded, v, s.j.records, want)
	if s.restarts {
		s.j.adopt(loaded)
		s.j.view = v
	}
}

// put commits a record alone, without a plan.
func (s *story) put(key record.Key, value any) {
	s.t.Helper()
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	put(s.t, txn, key, value)
	s.commit(txn)
}

// stepsBefore passes the steps that a plan puts before its write to commit, and returns their
// number.
func (s *story) stepsBefore(p Proposal, commit func(*etcd.Txn)) int {
	for steps := 0; ; {
		plan, err := s.j.planner.Plan(s.t.Context(), p)
		require.NoError(s.t, err)
		if len(plan.First) == 0 {
			return steps
		}
		for _, txn := range plan.First {
			requireFits(s.t, &txn)
			commit(&txn)
			steps++
		}
		require.Less(s.t, steps, 10, "each of them is progress")
	}
}

// place reports the namespace for BundleDeployments of a Cluster.
func (s *story) place(c *v1alpha1.Cluster, namespace string) {
	status := &v1alpha1.Cluster{}
	status.Status.Namespace = namespace
	s.put(record.ReportKey(record.Clusters, nameOf(c)), &record.Report{Status: status, UID: c.UID})
}

// copies commits the record of the copies of the app on c1.
func (s *story) copies(d record.Downstream) {
	s.t.Helper()
	s.put(record.DownstreamKey(appOnC1), d)
}

// onC1 returns the BundleDeployment of the app on c1.
func (s *story) onC1() *v1alpha1.BundleDeployment {
	return s.j.view.Get(record.BundleDeployments, appOnC1).Render().(*v1alpha1.BundleDeployment)
}

// deployed returns the version and the value of the bundle "app", by cluster.
func (s *story) deployed() map[string]string {
	out := map[string]string{}
	for item := range s.j.view.OfBundle(theApp) {
		bd := item.Render().(*v1alpha1.BundleDeployment)
		out[bd.Labels[v1alpha1.LabelCluster]] = bd.Spec.Options.TargetNamespace + " " + valueOf(bd.Spec.Options.Helm)
	}
	return out
}

// failure returns the message of the Ready condition of the bundle "app".
func (s *story) failure() string {
	b := s.j.view.Get(record.Bundles, theApp).Render().(*v1alpha1.Bundle)
	for _, c := range b.Status.Conditions {
		// With another reason it is a roll-up: some BundleDeployment is not ready.
		if c.Type == "Ready" && c.Reason == "Error" {
			require.Equal(s.t, "False", c.Status)
			return c.Message
		}
	}
	return ""
}

func (s *story) shows(failure string, deployed map[string]string) {
	s.t.Helper()
	require.Equal(s.t, deployed, s.deployed())
	require.Equal(s.t, failure, s.failure())
}

// pins counts the pins.
func (s *story) pins() int {
	n := 0
	for key := range s.j.records {
		if key.Type == record.TypePin {
			n++
		}
	}
	return n
}

// missing returns Fleet's message for a template that needs a missing label.
func missing(cluster string) string {
	return "targeting error: cluster " + cluster + ` in namespace fleet: failed to render helm values template: template: values:1:20: executing "values" at <.ClusterLabels.env>: map has no entry for key "env"`
}

// onClusters holds the deployed version, by cluster.
type onClusters = map[string]string

func mappingOf(namespace string, bundles, namespaces *metav1.LabelSelector) *v1alpha1.BundleNamespaceMapping {
	return &v1alpha1.BundleNamespaceMapping{ObjectMeta: metaOf(namespace, "m"), BundleSelector: bundles, NamespaceSelector: namespaces}
}

// mappingOfOther returns a mapping that lets Bundles of the namespace "other" select all
// Clusters.
func mappingOfOther() *v1alpha1.BundleNamespaceMapping {
	return mappingOf("other", &metav1.LabelSelector{}, &metav1.LabelSelector{})
}

// ofOther makes a Bundle the older one of the two, which wins a name that both want.
func ofOther(b *v1alpha1.Bundle) *v1alpha1.Bundle {
	b.Namespace, b.UID, b.CreationTimestamp = "other", "uid-of-other-app", metav1.Unix(1_600_000_000, 0)
	return b
}

// far returns a Cluster of the namespace "other" with the label that the target of app
// selects.
func far() *v1alpha1.Cluster {
	c := on("far")
	c.Namespace = "other"
	return c
}

// strict returns a Policy that holds back Bundles without a service account.
func strict() *v1alpha1.Policy {
	policy := &v1alpha1.Policy{ObjectMeta: metaOf("fleet", "p")}
	policy.RequireServiceAccount = true
	return policy
}

// putting returns the transaction of unplanned writes.
func putting(t testing.TB, objects ...record.APIObject) *etcd.Txn {
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	for _, object := range objects {
		put(t, txn, record.ObjectKey(resourceOf(object), nameOf(object)), recordOf(object))
	}
	return txn
}

// put adds a record to a transaction, in its own encoding or in JSON. A record with its own
// encoding has to be a pointer.
func put(t testing.TB, txn *etcd.Txn, key record.Key, value any) {
	t.Helper()
	var data []byte
	var err error
	type encoder interface{ Encode() ([]byte, error) }
	if r, ok := value.(encoder); ok {
		data, err = r.Encode()
	} else {
		require.NotImplements(t, (*encoder)(nil), reflect.New(reflect.TypeOf(value)).Interface(), "put a pointer")
		data, err = json.Marshal(value)
	}
	require.NoError(t, err)
	txn.Put[key] = data
}
