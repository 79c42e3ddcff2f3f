// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// edits makes random writes against the records of a journal.
type edits struct {
	*universe
	t testing.TB
	j *journal
}

// proposal returns a random write of an object that an API client could make.
func (e *edits) proposal() Proposal {
	switch n := e.IntN(100); {
	case n < 34:
		return e.clusterEdit()
	case n < 64:
		return e.bundleEdit()
	case n < 76:
		return e.groupEdit()
	case n < 86:
		return e.mappingEdit()
	case n < 93:
		return e.policyEdit()
	case n < 96:
		return e.restrictionEdit()
	default:
		return e.sourceEdit()
	}
}

// stored returns the object with a name, to be edited, and true, or a new one and false if
// none exists.
func stored[T any, P interface {
	*T
	record.APIObject
	metav1.ObjectMetaAccessor
}](e *edits, resource string, name record.Name) (*record.Object, P, bool) {
	if r := e.j.object(e.t, resource, name); r != nil {
		return r, r.Object.(P), true
	}
	object := P(new(T))
	*object.GetObjectMeta().(*metav1.ObjectMeta) = e.meta(name)
	return &record.Object{Object: object}, object, false
}

func (e *edits) bundleEdit() Proposal {
	name := e.name(someBundles)
	p := Proposal{Resource: record.Bundles, Name: name}
	r, b, exists := stored[v1alpha1.Bundle](e, record.Bundles, name)
	switch {
	case exists && (e.oneIn(8) || ending(b) && e.oneIn(2)):
		return p
	case exists && !ending(b) && e.oneIn(12):
		e.end(b)
	case !exists:
		b.Labels, b.Spec = e.bundleLabels(), e.bundleSpec()
		e.seed(r)
	case e.oneIn(4):
		b.Labels = e.bundleLabels() // no new version
	default:
		was := b.Spec.DeepCopy()
		e.editSpec(&b.Spec)
		if !equality.Semantic.DeepEqual(was, &b.Spec) {
			b.Generation++
			e.seed(r)
		}
	}
	p.Object = r
	return p
}

func (e *edits) editSpec(spec *v1alpha1.BundleSpec) {
	switch e.IntN(6) {
	case 0:
		*spec = e.bundleSpec()
	case 5:
		spec.RolloutStrategy = e.strategy()
		if e.oneIn(2) {
			spec.Helm = e.helm()
		}
	case 1:
		spec.Paused = !spec.Paused
	case 2:
		spec.Targets = e.bundleSpec().Targets
	default:
		spec.Helm = e.helm()
	}
}

// seed gives a version its facts. A new version may have other resources.
func (e *edits) seed(r *record.Object) {
	e.born++
	r.Seed, r.Time = []byte(fmt.Sprint("seed", e.born)), time.Unix(1_700_000_000+int64(e.born), 0).UTC()
	if r.Content == "" || e.oneIn(4) {
		r.Content = fmt.Sprint("s-", e.IntN(3))
	}
}

func (e *edits) clusterEdit() Proposal {
	name := e.name(someClusters)
	p := Proposal{Resource: record.Clusters, Name: name}
	r, c, exists := stored[v1alpha1.Cluster](e, record.Clusters, name)
	switch {
	case exists && (e.oneIn(10) || ending(c) && e.oneIn(2)):
		return p
	case exists && !ending(c) && e.oneIn(12):
		e.end(c)
	case !exists:
		c.Labels = e.clusterLabels()
	}
	switch e.IntN(8) {
	case 0:
		c.Annotations = pick(e.universe, nil, map[string]string{"note": "n"}, map[string]string{"note": "m", "other": "o"})
	case 1:
		c.Spec.TemplateValues = pick(e.universe, nil, &v1alpha1.GenericMap{Data: map[string]any{"v": pick(e.universe, "1", "2")}})
	case 2:
		c.Spec.Paused = !c.Spec.Paused
		if e.oneIn(2) {
			break
		}
		fallthrough // both in one write
	default:
		c.Labels = e.clusterLabels()
		item, _ := e.j.view.Get(record.Clusters, name).(*view.Object)
		if derived := names.ClusterNamespace(name.Namespace, name.Name); item != nil && item.Derived.Namespace == derived && c.Labels[v1alpha1.LabelClusterManagement] != "" {
			r.Namespace = derived // as the store does
		}
	}
	p.Object = r
	return p
}

func (e *edits) groupEdit() Proposal {
	name := e.name(someGroups)
	p := Proposal{Resource: record.ClusterGroups, Name: name}
	r, g, exists := stored[v1alpha1.ClusterGroup](e, record.ClusterGroups, name)
	if exists && e.oneIn(4) {
		return p
	}
	if e.oneIn(2) {
		g.Labels = e.labels()
	} else {
		g.Spec.Selector = e.selector()
		if e.oneIn(8) {
			g.Spec.Selector = nil
		}
	}
	p.Object = r
	return p
}

func (e *edits) mappingEdit() Proposal {
	name := e.name([]string{"m1", "m2"})
	p := Proposal{Resource: record.Mappings, Name: name}
	r, m, exists := stored[v1alpha1.BundleNamespaceMapping](e, record.Mappings, name)
	if exists && e.oneIn(3) {
		return p
	}
	m.BundleSelector, m.NamespaceSelector = e.selector(), e.selector()
	switch e.IntN(8) {
	case 0:
		m.BundleSelector = nil
	case 1:
		m.NamespaceSelector = nil
	}
	p.Object = r
	return p
}

func (e *edits) policyEdit() Proposal {
	name := e.name([]string{"p1", "p2"})
	p := Proposal{Resource: record.Policies, Name: name}
	r, policy, exists := stored[v1alpha1.Policy](e, record.Policies, name)
	if exists && !e.oneIn(3) {
		return p
	}
	policy.RequireServiceAccount = e.oneIn(4)
	policy.AllowNamespaceCreation = e.oneIn(3)
	policy.AllowedServiceAccounts = pick(e.universe, nil, []string{"sa1"}, []string{"sa1", "sa2"})
	p.Object = r
	return p
}

func (e *edits) restrictionEdit() Proposal {
	name := e.name([]string{"r1", "r2"})
	p := Proposal{Resource: record.Restrictions, Name: name}
	r, restriction, exists := stored[v1alpha1.GitRepoRestriction](e, record.Restrictions, name)
	if exists && e.oneIn(2) {
		return p
	}
	restriction.AllowedTargetNamespaceSelector = e.selectorOrNil(2)
	p.Object = r
	return p
}

// fact adds a random write to a transaction that is of no object and needs no plan: a report
// or a count. No report is empty: a store does not write zeros where nothing exists.
func (e *edits) fact(txn *etcd.Txn) {
	switch e.IntN(7) {
	case 0:
		e.anyCount(txn)
	case 3:
		e.sourceReport(txn)
	case 1:
		e.clusterReport(txn)
	case 2:
		e.bundleReport(txn)
	default:
		e.deploymentReport(txn)
	}
}

func (e *edits) clusterReport(txn *etcd.Txn) {
	name := e.name(someClusters)
	r := e.j.object(e.t, record.Clusters, name)
	if r == nil {
		return
	}
	status := &v1alpha1.Cluster{}
	status.Status.Namespace = pick(e.universe, "", "", "", "shared", "own-"+name.Name)
	status.Status.Agent.Namespace = "agent"
	status.Status.Scheduled, status.Status.ActiveSchedule = e.oneIn(3), e.oneIn(3)
	if status.Status.ActiveSchedule {
		status.Status.Conditions = []v1alpha1.GenericCondition{{Type: "Processed", Status: "False", Message: "not yet"}, {Type: "Imported", Status: "True"}}
	}
	put(e.t, txn, record.ReportKey(record.Clusters, name), &record.Report{Status: status, UID: r.Object.GetUID()})
}

func (e *edits) bundleReport(txn *etcd.Txn) {
	name := e.name(someBundles)
	r := e.j.object(e.t, record.Bundles, name)
	if r == nil {
		return
	}
	status := &v1alpha1.Bundle{}
	status.Status.OCIReference = pick(e.universe, "oci://1", "oci://2", "oci://3")
	put(e.t, txn, record.ReportKey(record.Bundles, name), &record.Report{Status: status, UID: r.Object.GetUID()})
}

// deploymentReport reports on a random BundleDeployment, which usually exists.
func (e *edits) deploymentReport(txn *etcd.Txn) {
	n := e.j.view.Len(record.BundleDeployments)
	if n == 0 {
		return
	}
	skip := e.IntN(n)
	for item := range e.j.view.All(record.BundleDeployments, record.Name{}) {
		if skip--; skip >= 0 {
			continue
		}
		bd := item.Render().(*v1alpha1.BundleDeployment)
		status := &v1alpha1.BundleDeployment{Status: e.reportOn(bd)}
		put(e.t, txn, record.ReportKey(record.BundleDeployments, item.Name()), &record.Report{Status: status, UID: bd.UID})
		return
	}
}
