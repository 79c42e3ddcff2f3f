// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Mirrors in the oracle, and in random histories.

// valuesFor returns the mirror of the values that a Bundle's version needs, as it is in the
// records.
func (f *facts) valuesFor(b *v1alpha1.Bundle) string {
	if b.Spec.ValuesHash == "" {
		return ""
	}
	return f.records[record.ValuesKey(record.Name{Namespace: b.Namespace, Name: b.Name}, b.Spec.ValuesHash)].value
}

// withValues computes S 4.5.
func (o *oracle) withValues(b *v1alpha1.Bundle, mirror string) (out *v1alpha1.Bundle, waits, broken string) {
	if b.Spec.ValuesHash == "" {
		return b, "", ""
	}
	if mirror == "" {
		return b, b.Spec.ValuesHash, ""
	}
	var values record.Values
	require.NoError(o.t, json.Unmarshal(textOf(mirror), &values))
	out = b.DeepCopy()
	for key, text := range values.Values {
		var data map[string]any
		if json.Unmarshal(text, &data) != nil {
			_, err := derive.WithValues(&b.Spec, values.Values) // for its text
			require.Error(o.t, err)
			return b, "", "Secret " + b.Namespace + "/" + b.Name + ": " + err.Error()
		}
		into := func(options *v1alpha1.BundleDeploymentOptions) {
			if options.Helm == nil {
				options.Helm = &v1alpha1.HelmOptions{}
			}
			options.Helm.Values = &v1alpha1.GenericMap{Data: data}
		}
		if key == "values.yaml" {
			into(&out.Spec.BundleDeploymentOptions)
		}
		for i := range out.Spec.Targets {
			if out.Spec.Targets[i].Name == key {
				into(&out.Spec.Targets[i].BundleDeploymentOptions)
			}
		}
	}
	return out, "", ""
}

// downstream returns what is recorded of a BundleDeployment's copies.
func (f *facts) downstream(key record.Name, uid types.UID) (d record.Downstream) {
	if value := f.records[record.DownstreamKey(key)].value; value != "" {
		require.NoError(f.t, json.Unmarshal(textOf(value), &d))
	}
	if d.UID != uid {
		return record.Downstream{}
	}
	return d
}

// waits reports whether the record of a BundleDeployment's copies lacks one that its agent
// would look up.
func (f *facts) waits(key record.Name, s shown) bool {
	held := f.downstream(key, derive.IdentityUID(s.version.bundle.UID, s.cluster.joined.UID)).Held
	return slices.ContainsFunc(derive.Copies(&s.contents.promoted.Options, &s.version.bundle.Spec), func(c derive.Copy) bool {
		return !slices.Contains(held, string(c))
	})
}

// valuesData returns one of few values, so that Secrets often match Bundles.
func (u *universe) valuesData() map[string][]byte {
	return pick(u,
		map[string][]byte{"values.yaml": []byte(`{"v":"one"}`)},
		map[string][]byte{"values.yaml": []byte(`{"v":"${ .ClusterLabels.env }"}`)}, // fails without the label
		map[string][]byte{"values.yaml": []byte(`{"v":"all"}`), "named": []byte(`{"v":"mine"}`)},
		map[string][]byte{"named": []byte(`{"v":"${ .ClusterLabels.tier }"}`)},
		map[string][]byte{"values.yaml": []byte(`["no map"]`)},
	)
}

// mirrored returns a planned write of a mirror, nil if it would change nothing.
func (h *history) mirrored() (Proposal, *etcd.Txn) {
	var plan *Plan
	var err error
	p := Proposal{Resource: record.Secrets, Name: h.name(someBundles)}
	switch h.IntN(6) {
	case 0, 1:
		p = Proposal{Resource: record.Namespaces, Name: record.Name{Name: pick(h.universe, someNamespaces...)}}
		labels := h.labels()
		if labels != nil && h.oneIn(2) {
			labels["kubernetes.io/metadata.name"] = p.Name.Name
		}
		plan, err = h.j.planner.Namespace(p.Name.Name, labels)
	case 2:
		for _, hash := range slices.Sorted(maps.Keys(h.j.state.mirrors.values[p.Name])) {
			if plan == nil || h.oneIn(2) {
				plan, err = h.j.planner.DropValues(p.Name, hash)
			}
		}
	default:
		data := h.valuesData()
		if r := h.j.object(h.edits.t, record.Bundles, p.Name); r != nil {
			// Prefer values that a version waits for: chance alone would rarely pick them.
			for range 20 {
				if record.ValuesHash(data) == r.Object.(*v1alpha1.Bundle).Spec.ValuesHash {
					break
				}
				data = h.valuesData()
			}
		}
		plan, err = h.j.planner.Values(p.Name, data)
	}
	require.NoError(h.edits.t, err)
	if plan == nil || plan.Empty() {
		return p, nil
	}
	txn := plan.Txn()
	return p, &txn
}

// anyMirror writes or deletes a random mirror, needed or not.
func (e *edits) anyMirror(txn *etcd.Txn) {
	if e.oneIn(2) {
		key := record.NamespaceKey(pick(e.universe, someNamespaces...))
		if e.oneIn(3) {
			txn.Delete = append(txn.Delete, key)
			return
		}
		put(e.t, txn, key, record.Namespace{Labels: e.labels()})
		return
	}
	data := e.valuesData()
	key := record.ValuesKey(e.name(someBundles), record.ValuesHash(data))
	if e.oneIn(4) {
		txn.Delete = append(txn.Delete, key)
		return
	}
	put(e.t, txn, key, record.Values{Values: data})
}

// anyCount counts a change of copies of a random BundleDeployment, which usually exists.
func (e *edits) anyCount(txn *etcd.Txn) {
	for item := range e.j.view.All(record.BundleDeployments, record.Name{}) {
		if !e.oneIn(3) {
			continue
		}
		key := record.DownstreamKey(item.Name())
		if e.oneIn(4) {
			txn.Delete = append(txn.Delete, key)
			return
		}
		uid := item.Render().GetUID()
		if e.oneIn(4) {
			uid = "another"
		}
		d := record.Downstream{UID: uid, Generation: int64(1 + e.IntN(5))}
		d.Obstacle = []string{"", "this is in the way", "that is missing"}[d.Generation%3]
		if d.Generation > 2 {
			d.Held = []string{"secrets/a"}
		}
		put(e.t, txn, key, d)
		return
	}
}
