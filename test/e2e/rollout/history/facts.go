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

// facts hold the decoded records at a revision.
type facts struct {
	bundle *version
	// rolling says that a rollout record exists; base is nil if the record has none.
	rolling  bool
	base     *version
	clusters [scene.Clusters]*v1alpha1.Cluster
	// promotions hold the content of promotion records, nil for a Cluster without one.
	promotions [scene.Clusters]*shown
	reports    [scene.Clusters]*v1alpha1.BundleDeploymentStatus
}

// place maps the names of records to Clusters.
type place struct {
	// byNamespace finds Clusters by the namespace of their BundleDeployments.
	byName, byNamespace map[string]int
	// uids are those of the BundleDeployments, as first seen: none is deleted and created
	// again.
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
	// edited says that the Bundle or a Cluster was written.
	edited, reported bool
	promotion        [scene.Clusters]bool
	// all says that the content of every Cluster may have changed; otherwise only those in
	// some may.
	all  bool
	some map[int]struct{}
}

// take folds one record of a revision into the facts.
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
	promoted := shown{exists: true}
	if decoded.Promoted != nil {
		if promoted, err = deployment(decoded.Promoted.ManifestID, decoded.Promoted.Options); err != nil {
			return err
		}
	}
	f.promotions[number] = &promoted
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

// same returns an error if a BundleDeployment changes its identity.
func (p *place) same(number int, uid types.UID) error {
	if p.uids[number] == "" {
		p.uids[number] = uid
	}
	if p.uids[number] != uid {
		return fmt.Errorf("a record of %s, which was %s before", uid, p.uids[number])
	}
	return nil
}
