// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// facts are the records at a revision, decoded.
type facts struct {
	bundle *version
	// rolling tells that there is a rollout record; base is nil if that has none.
	rolling  bool
	base     *version
	clusters [scene.Clusters]*v1alpha1.Cluster
	// promotions are what they tell, nil where there is none.
	promotions [scene.Clusters]*told
	reports    [scene.Clusters]*v1alpha1.BundleDeploymentStatus
}

// place says whose the names of records are.
type place struct {
	// byName finds Clusters, byNamespace what their BundleDeployments are in.
	byName, byNamespace map[string]int
	// uids are those of the BundleDeployments, as first seen: nothing here is deleted
	// and made anew.
	uids [scene.Clusters]types.UID
}

func newPlace() place {
	p := place{byName: map[string]int{}, byNamespace: map[string]int{}}
	for number := range scene.Clusters {
		name := scene.ClusterName(number)
		p.byName[name] = number
		p.byNamespace[names.ClusterNamespace(scene.Namespace, name)] = number
	}
	return p
}

// touched holds what a revision wrote.
type touched struct {
	// edited reports a write of the Bundle or a Cluster.
	edited, reported bool
	promotion        [scene.Clusters]bool
	// all tells that every Cluster may be told something else; else only those can
	// that are in some.
	all  bool
	some map[int]struct{}
}

// take takes one record of a revision over.
func (f *facts) take(r etcd.Record, p *place, t *touched) error {
	if r.Err != nil {
		return r.Err
	}
	switch {
	case r.Key == record.ObjectKey(record.Bundles, scene.Bundle):
		t.edited, t.all = true, true
		v, err := decodeVersion(r.Value)
		f.bundle = v
		return err
	case r.Key == record.RolloutKey(scene.Bundle):
		t.all = true
		return f.takeRollout(r.Value)
	case r.Key.Type == record.TypePin:
		return fmt.Errorf("a pin, though nothing of this Bundle can fail: %s", r.Value)
	}
	if r.Key.Type == record.TypeObject && r.Key.Resource == record.Clusters {
		number, known := p.byName[r.Key.Name.Name]
		if !known || r.Value == nil {
			return fmt.Errorf("a Cluster that is not in play, or is deleted")
		}
		t.edited = true
		t.some[number] = struct{}{}
		decoded, err := record.DecodeObject(record.Clusters, r.Value)
		if err != nil {
			return err
		}
		f.clusters[number], _ = decoded.Object.(*v1alpha1.Cluster)
		return nil
	}
	number, known := p.byNamespace[r.Key.Name.Namespace]
	switch {
	case !known || r.Key.Name.Name != scene.Bundle.Name:
		return nil
	case r.Key.Type == record.TypePromotion:
		t.some[number] = struct{}{}
		t.promotion[number] = r.Value != nil
		return f.takePromotion(number, r.Value, p)
	case r.Key.Type == record.TypeReport && r.Key.Resource == record.BundleDeployments:
		t.some[number], t.reported = struct{}{}, true
		return f.takeReport(number, r.Value, p)
	}
	return nil
}

func (f *facts) takeRollout(data []byte) error {
	f.rolling, f.base = data != nil, nil
	if data == nil {
		return nil
	}
	var decoded record.Rollout
	text, err := record.Text(data)
	if err == nil {
		err = json.Unmarshal(text, &decoded)
	}
	if err != nil {
		return err
	}
	if len(decoded.Base) == 0 {
		return nil
	}
	v, err := decodeVersion(decoded.Base)
	f.base = v
	return err
}

func (f *facts) takePromotion(number int, data []byte, p *place) error {
	f.promotions[number] = nil
	if data == nil {
		return nil
	}
	decoded, err := record.DecodePromotion(data)
	if err != nil {
		return err
	}
	tells := told{exists: true}
	if decoded.Promoted != nil {
		if tells, err = deployment(decoded.Promoted.ManifestID, decoded.Promoted.Options); err != nil {
			return err
		}
	}
	f.promotions[number] = &tells
	return p.same(number, decoded.UID)
}

func (f *facts) takeReport(number int, data []byte, p *place) error {
	f.reports[number] = nil
	if data == nil {
		return nil
	}
	decoded, err := record.DecodeReport(record.BundleDeployments, data)
	if err != nil {
		return err
	}
	bd, ok := decoded.Status.(*v1alpha1.BundleDeployment)
	if !ok {
		return fmt.Errorf("a report on a %T", decoded.Status)
	}
	f.reports[number] = &bd.Status
	return p.same(number, decoded.UID)
}

// same fails if a BundleDeployment changes its identity.
func (p *place) same(number int, uid types.UID) error {
	if p.uids[number] == "" {
		p.uids[number] = uid
	}
	if p.uids[number] != uid {
		return fmt.Errorf("a record of %s, which was %s before", uid, p.uids[number])
	}
	return nil
}
