// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Check returns an error if a sum differs from a scan, or if one roll-up is wrong about
// another. It costs O(n) in everything that is rolled up, and holds after Close.
func (l *Ledger) Check() error {
	for name, b := range l.bundles {
		if err := b.check(l); err != nil {
			return fmt.Errorf("the roll-up of Bundle %s: %w", name, err)
		}
	}
	for name, c := range l.clusters {
		if err := c.check(l); err != nil {
			return fmt.Errorf("the roll-up of Cluster %s: %w", name, err)
		}
	}
	for name, g := range l.groups {
		if err := g.members.Check(); err != nil {
			return fmt.Errorf("the roll-up of ClusterGroup %s: %w", name, err)
		}
	}
	for key, o := range l.sources {
		if err := o.check(); err != nil {
			return fmt.Errorf("the roll-up of %s %s: %w", key.resource, key.name, err)
		}
	}
	return nil
}

func (b *Bundle) check(l *Ledger) error {
	if err := b.members.Check(); err != nil {
		return err
	}
	for i, p := range b.partitions {
		if err := p.members.Check(); err != nil {
			return fmt.Errorf("partition %d: %w", i, err)
		}
		for m := range p.members.Each(0, allRanks) {
			if in, ok := b.members.Get(m); !ok || in != m {
				return fmt.Errorf("partition %d has another member of %s than the Bundle", i, m.Cluster.name)
			}
		}
	}
	for m := range b.members.Each(0, allRanks) {
		if l.clusters[m.Cluster.name] != m.Cluster {
			return fmt.Errorf("it has a member of %s, which is gone", m.Cluster.name)
		}
		if _, known := m.Cluster.partitioned[b]; known != (len(b.partitions) > 0) {
			return fmt.Errorf("it has %d partitions, but the Cluster %s disagrees", len(b.partitions), m.Cluster.name)
		}
	}
	return nil
}

func (c *Cluster) check(l *Ledger) error {
	if err := c.shown.Check(); err != nil {
		return err
	}
	for b := range c.partitioned {
		if l.bundles[b.name] != b {
			return fmt.Errorf("it knows partitions of the Bundle %s, which is gone", b.name)
		}
	}
	for _, g := range c.groups {
		if in, ok := g.members.Get(c.last); !ok || in != c.last {
			return fmt.Errorf("the ClusterGroup %s has another state of it", g.name)
		}
	}
	return nil
}

func (o *Source) check() error {
	if err := o.shown.Check(); err != nil {
		return err
	}
	shown, ready := map[record.Name]int32{}, map[record.Name]int32{}
	nameOf := func(c *v1alpha1.Cluster) record.Name { return record.Name{Namespace: c.Namespace, Name: c.Name} }
	for d := range o.shown.Each(0, allRanks) {
		name := nameOf(d.Cluster.Cluster)
		shown[name]++
		ready[name] += weighStored(d).Ready
	}
	var err error
	found, whole := 0, 0
	o.clusters.Ascend(func(p presence) bool {
		found++
		name := nameOf(p.cluster)
		if shown[name] == 0 || p.shown != shown[name] || p.ready != ready[name] {
			err = fmt.Errorf("it counts %d and %d ready on the Cluster %s, but a scan finds others", p.shown, p.ready, p.cluster.Name)
		}
		if p.whole() {
			whole++
		}
		return err == nil
	})
	if err == nil && (found != len(shown) || whole != o.ready) {
		err = fmt.Errorf("it counts %d Clusters, %d of them ready, but a scan finds %d and %d", o.clusters.Len(), o.ready, len(shown), whole)
	}
	return err
}
