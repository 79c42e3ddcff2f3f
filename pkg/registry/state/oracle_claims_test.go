// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// settle gives each BundleDeployment name to the claim in its holder record, or otherwise to
// the oldest claim.
func (f *facts) settle(a *answer) {
	type claimant struct {
		bundle *bundleAnswer
		pair   naivePair
		shows  shownContents
	}
	claims := map[record.Name][]claimant{}
	for _, name := range slices.SortedFunc(maps.Keys(a.bundles), record.Name.Compare) {
		b := a.bundles[name]
		for _, cluster := range slices.SortedFunc(maps.Keys(b.pairs), record.Name.Compare) {
			if p := b.pairs[cluster]; p.content != nil && a.namespaces[cluster] != "" {
				key := record.Name{Namespace: a.namespaces[cluster], Name: name.Name}
				if shows, ok := f.showing(name, b, p, key); ok {
					claims[key] = append(claims[key], claimant{b, p, shows})
				}
			}
		}
	}
	defer func() {
		for _, b := range a.bundles {
			b.failure = cmp.Or(b.failure, b.obstacle)
		}
	}()
	for _, key := range slices.SortedFunc(maps.Keys(claims), record.Name.Compare) {
		// On a tie the first name wins: the sort is stable, and the claims are in the order
		// of names.
		slices.SortStableFunc(claims[key], func(x, y claimant) int {
			return cmp.Or(
				x.bundle.newest.bundle.CreationTimestamp.Compare(y.bundle.newest.bundle.CreationTimestamp.Time),
				cmp.Compare(x.bundle.newest.bundle.Namespace, y.bundle.newest.bundle.Namespace),
				x.pair.cluster.joined.CreationTimestamp.Compare(y.pair.cluster.joined.CreationTimestamp.Time),
			)
		})
		if e, ok := f.records[record.HolderKey(key)]; ok {
			var holder record.Holder
			require.NoError(f.t, json.Unmarshal([]byte(e.value), &holder))
			holds := func(c claimant) bool {
				return derive.IdentityUID(c.bundle.newest.bundle.UID, c.pair.cluster.joined.UID) == holder.UID
			}
			slices.SortStableFunc(claims[key], func(x, y claimant) int {
				switch {
				case holds(x) == holds(y):
					return 0
				case holds(x):
					return -1
				}
				return 1
			})
		}
		winner := claims[key][0]
		for _, c := range claims[key] {
			a.claims[key] = append(a.claims[key], derive.IdentityUID(c.bundle.newest.bundle.UID, c.pair.cluster.joined.UID))
		}
		for _, c := range claims[key][1:] {
			if c.bundle != winner.bundle {
				w := winner.bundle.newest.bundle
				c.bundle.failure = cmp.Or(c.bundle.failure, fmt.Sprintf("BundleDeployment %s/%s belongs to the Bundle %s/%s, which has it already; rename this Bundle", key.Namespace, key.Name, w.Namespace, w.Name))
			}
		}
		s := shown{version: winner.bundle.inForce, cluster: winner.pair.cluster, namespace: key.Namespace, content: winner.pair.content, contents: winner.shows}
		if e, ok := f.records[record.ReportKey(record.BundleDeployments, key)]; ok {
			if r := f.report(record.BundleDeployments, e.value); r.UID == derive.IdentityUID(s.version.bundle.UID, s.cluster.joined.UID) {
				s.report = r
			}
		}
		s.waits = f.waits(key, s)
		d := f.downstream(key, derive.IdentityUID(s.version.bundle.UID, s.cluster.joined.UID))
		s.downstream = d.Generation
		if text := d.Obstacle; text != "" && winner.bundle.obstacle == "" {
			winner.bundle.obstacle = "BundleDeployment " + key.String() + ": " + text // keys are in order
		}
		a.deployments[key] = s
	}
}
