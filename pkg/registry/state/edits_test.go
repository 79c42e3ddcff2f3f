// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
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
		return e.originEdit()
	}
}

// present returns the object with a name, to be edited. It returns nil if none exists, or if
// the proposal is to delete it.
func present[T record.APIObject](e *edits, resource string, name record.Name) (*record.Object, T) {
	var none T
	r := e.j.object(e.t, resource, name)
	if r == nil {
		return nil, none
	}
	return r, r.Object.(T)
}

func (e *edits) bundleEdit() Proposal {
	name := e.name(someBundles)
	p := Proposal{Resource: record.Bundles, Name: name}
	r, b := present[*v1alpha1.Bundle](e, record.Bundles, name)
	switch {
	case r != nil && (e.oneIn(8) || ending(b) && e.oneIn(2)):
		return p
	case r != nil && !ending(b) && e.oneIn(12):
		e.end(b)
	case r == nil:
		b = &v1alpha1.Bundle{ObjectMeta: e.meta(name)}
		b.Labels, b.Spec = e.bundleLabels(), e.bundleSpec()
		r = &record.Object{Object: b}
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
	r, c := present[*v1alpha1.Cluster](e, record.Clusters, name)
	switch {
	case r != nil && (e.oneIn(10) || ending(c) && e.oneIn(2)):
		return p
	case r != nil && !ending(c) && e.oneIn(12):
		e.end(c)
	case r == nil:
		c = &v1alpha1.Cluster{ObjectMeta: e.meta(name)}
		c.Labels = e.clusterLabels()
		r = &record.Object{Object: c}
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
	r, g := present[*v1alpha1.ClusterGroup](e, record.ClusterGroups, name)
	if r != nil && e.oneIn(4) {
		return p
	}
	if r == nil {
		g = &v1alpha1.ClusterGroup{ObjectMeta: e.meta(name)}
		r = &record.Object{Object: g}
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
	r, m := present[*v1alpha1.BundleNamespaceMapping](e, record.Mappings, name)
	if r != nil && e.oneIn(3) {
		return p
	}
	if r == nil {
		m = &v1alpha1.BundleNamespaceMapping{ObjectMeta: e.meta(name)}
		r = &record.Object{Object: m}
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
	r, policy := present[*v1alpha1.Policy](e, record.Policies, name)
	if r != nil && !e.oneIn(3) {
		return p
	}
	if r == nil {
		policy = &v1alpha1.Policy{ObjectMeta: e.meta(name)}
		r = &record.Object{Object: policy}
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
	r, restriction := present[*v1alpha1.GitRepoRestriction](e, record.Restrictions, name)
	if r != nil && e.oneIn(2) {
		return p
	}
	if r == nil {
		restriction = &v1alpha1.GitRepoRestriction{ObjectMeta: e.meta(name)}
		r = &record.Object{Object: restriction}
	}
	restriction.AllowedTargetNamespaceSelector = e.selectorOrNil(2)
	p.Object = r
	return p
}

// fact adds a random write to a transaction that is of no object and needs no plan: a report
// or a count.
func (e *edits) fact(txn *etcd.Txn) {
	switch e.IntN(7) {
	case 0:
		e.anyCount(txn)
	case 3:
		e.originReport(txn)
	case 1:
		e.clusterReport(txn)
	case 2:
		e.bundleReport(txn)
	default:
		e.deploymentReport(txn)
	}
}

// put writes a report. No report is empty: a store does not write zeros where nothing exists.
func (e *edits) put(txn *etcd.Txn, key record.Key, r *record.Report) {
	data, err := r.Encode()
	require.NoError(e.t, err)
	txn.Put[key] = data
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
	e.put(txn, record.ReportKey(record.Clusters, name), &record.Report{Status: status, UID: r.Object.GetUID()})
}

func (e *edits) bundleReport(txn *etcd.Txn) {
	name := e.name(someBundles)
	r := e.j.object(e.t, record.Bundles, name)
	if r == nil {
		return
	}
	status := &v1alpha1.Bundle{}
	status.Status.OCIReference = pick(e.universe, "oci://1", "oci://2", "oci://3")
	e.put(txn, record.ReportKey(record.Bundles, name), &record.Report{Status: status, UID: r.Object.GetUID()})
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
		status := &v1alpha1.BundleDeployment{}
		status.Status = e.reportOn(bd)
		e.put(txn, record.ReportKey(record.BundleDeployments, item.Name()), &record.Report{Status: status, UID: bd.UID})
		return
	}
}

// raw returns a write that no client could make: several objects at once, pins of anything,
// reports on objects that do not exist. The view must be a function of the records even so.
func (e *edits) raw() *etcd.Txn {
	txn := &etcd.Txn{Put: map[record.Key][]byte{}}
	for range 1 + e.IntN(4) {
		switch e.IntN(8) {
		case 7:
			e.anyHolder(txn)
		case 6:
			e.anyPromotion(txn)
		case 0:
			e.fact(txn)
		case 1:
			e.anyPin(txn)
		case 2:
			e.anyMirror(txn)
		default:
			p := e.proposal()
			one := e.j.unplanned(e.t, p)
			for key, value := range one.Put {
				txn.Put[key] = value
			}
			txn.Delete = append(txn.Delete, one.Delete...)
			if e.oneIn(2) {
				e.reborn(txn, p)
			}
		}
	}
	for i := 0; i < len(txn.Delete); i++ {
		if _, both := txn.Put[txn.Delete[i]]; both {
			txn.Delete = append(txn.Delete[:i], txn.Delete[i+1:]...)
			i--
		}
	}
	e.withoutNothing(txn)
	return txn
}

// reborn replaces an object that is written by another one with its name.
func (e *edits) reborn(txn *etcd.Txn, p Proposal) {
	if p.Object == nil || !e.oneIn(6) {
		return
	}
	e.born++
	p.Object.Object.SetUID(types.UID(fmt.Sprintf("uid-%d", e.born)))
	data, err := p.Object.Encode()
	require.NoError(e.t, err)
	txn.Put[record.ObjectKey(p.Resource, p.Name)] = data
}

// anyHolder writes or deletes the holder record of a random name, usually one that exists.
func (e *edits) anyHolder(txn *etcd.Txn) {
	names := slices.SortedFunc(maps.Keys(e.j.state.contested), record.Name.Compare)
	if len(names) == 0 || e.oneIn(8) {
		names = []record.Name{{Namespace: "shared", Name: pick(e.universe, someBundles...)}}
	}
	name := pick(e.universe, names...)
	b, c := e.j.object(e.t, record.Bundles, record.Name{Namespace: pick(e.universe, someNamespaces...), Name: name.Name}), e.j.object(e.t, record.Clusters, e.name(someClusters))
	for _, claim := range slices.SortedFunc(maps.Keys(e.j.state.contested[name]), claim.compare) {
		if e.oneIn(2) {
			b, c = &record.Object{Object: claim.bundle.newest.bundle}, &record.Object{Object: claim.cluster.object}
		}
	}
	if b == nil || c == nil || e.oneIn(5) {
		txn.Delete = append(txn.Delete, record.HolderKey(name))
		return
	}
	data, err := json.Marshal(record.Holder{UID: derive.IdentityUID(b.Object.GetUID(), c.Object.GetUID())})
	require.NoError(e.t, err)
	txn.Put[record.HolderKey(name)] = data
}

// anyPin writes or deletes a random pin of a random version.
func (e *edits) anyPin(txn *etcd.Txn) {
	bundle, cluster := e.name(someBundles), e.name(someClusters)
	r := e.j.object(e.t, record.Bundles, bundle)
	if r == nil || e.oneIn(2) {
		txn.Delete = append(txn.Delete, pick(e.universe, record.BundlePinKey(bundle), record.ClusterPinsKey(cluster)))
		return
	}
	var key record.Key
	var pin any
	if b := r.Object.(*v1alpha1.Bundle); e.oneIn(2) {
		p := record.BundlePin{UID: b.UID, Generation: b.Generation}
		if !e.oneIn(3) {
			b.Spec, b.Generation = e.bundleSpec(), b.Generation-1
			e.seed(r)
			lastGood, err := r.Encode()
			require.NoError(e.t, err)
			p.LastGood = lastGood
		}
		key, pin = record.BundlePinKey(bundle), p
	} else {
		key, pin = record.ClusterPinsKey(cluster), record.ClusterPins{Pins: []record.ClusterPin{{
			BundleUID: b.UID, Generation: b.Generation, ManifestID: r.Content, Options: e.options(),
		}}}
	}
	data, err := json.Marshal(pin)
	require.NoError(e.t, err)
	txn.Put[key] = data
}

// withoutNothing removes what would change nothing from a transaction, because a store does
// not write that.
func (e *edits) withoutNothing(txn *etcd.Txn) {
	for key, value := range txn.Put {
		if have, ok := e.j.records[key]; ok && have.value == string(value) && key.Type != record.TypeGuard {
			delete(txn.Put, key)
		}
	}
}
