// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// answer computes what the records mean.
func (o *oracle) answer(records map[record.Key]entryOf) *answer {
	f := &facts{o, records, map[listKey]any{}}
	a := &answer{map[record.Name]shown{}, map[record.Name]*bundleAnswer{}, map[record.Name]string{}, map[record.Name][]types.UID{}}
	var clusters []*naiveCluster
	for _, name := range f.names(record.Clusters) {
		c := f.cluster(name)
		clusters = append(clusters, c)
		a.namespaces[name] = c.namespaceOf()
	}
	// An error names the first cluster by name, then namespace.
	slices.SortFunc(clusters, func(a, b *naiveCluster) int {
		return cmp.Or(cmp.Compare(a.name.Name, b.name.Name), cmp.Compare(a.name.Namespace, b.name.Namespace))
	})
	for _, name := range f.names(record.Bundles) {
		a.bundles[name] = f.bundle(name, clusters)
	}
	f.settle(a)
	return a
}

// bundle decides which version of a Bundle is in force, and why the newest fails.
func (f *facts) bundle(name record.Name, clusters []*naiveCluster) *bundleAnswer {
	b := &bundleAnswer{newest: f.version(f.records[record.ObjectKey(record.Bundles, name)].value), pairs: map[record.Name]naivePair{}}
	if pin := f.records[record.BundlePinKey(name)].value; pin != "" {
		var p record.BundlePin
		require.NoError(f.t, json.Unmarshal(textOf(pin), &p))
		b.pending = p.UID == b.newest.bundle.UID && p.Generation == b.newest.bundle.Generation && b.newest.bundle.DeletionTimestamp == nil
		if b.pending && p.LastGood != nil {
			b.lastGood = f.version(string(p.LastGood))
		}
	}
	b.failure = cmp.Or(f.gate(b.newest), b.newest.broken)
	b.works = b.failure == "" || b.newest.bundle.DeletionTimestamp != nil
	for _, c := range clusters {
		if p, ok := f.pair(b.newest, b.newest.bundle, c); ok && p.failure != "" {
			b.works = b.works && p.content != nil
			b.failure = cmp.Or(b.failure, "targeting error: "+p.failure)
		}
	}
	b.failure = cmp.Or(b.failure, derive.BarredBundle(name.Name))
	for _, c := range clusters {
		if c.barred() != "" && c.joined.DeletionTimestamp == nil && f.targets(b.newest, b.newest.bundle, c) {
			b.failure = cmp.Or(b.failure, "Cluster "+c.name.String()+": "+c.barred())
		}
	}
	b.inForce = b.newest
	if b.pending && !b.works {
		b.inForce = b.lastGood
	}
	if b.inForce == nil {
		return b
	}
	for _, c := range clusters {
		if p, ok := f.pair(b.inForce, b.newest.bundle, c); ok {
			b.pairs[c.name] = p
		}
	}
	return b
}

// render returns the BundleDeployment without its resourceVersion, as JSON.
func (o *oracle) render(s shown) string {
	return remember(o.rendered, s, func() string {
		manifestID, _ := derive.EffectiveManifestID(&s.version.bundle.Spec, s.version.record.Content)
		in := derive.Inputs{Bundle: s.version.bundle, Cluster: s.cluster.joined, ClusterNamespace: s.namespace, ManifestID: manifestID, Content: s.contents.promoted, Staged: s.contents.staged, Computed: s.content, Downstream: s.downstream, Waiting: s.waits}
		if s.report != nil {
			in.Report = &s.report.Status.(*v1alpha1.BundleDeployment).Status
			in.ReportManagedFields = s.report.ManagedFields
		}
		return asJSON(o.t, derive.BundleDeployment(in))
	})
}

// textOf returns the JSON of a record, which must be readable.
func textOf(value string) []byte {
	text, err := record.Text([]byte(value))
	if err != nil {
		panic(err)
	}
	return text
}
