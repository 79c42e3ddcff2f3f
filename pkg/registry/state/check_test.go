// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/validation"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// checker compares a journal's state with the oracle after every revision.
type checker struct {
	t testing.TB
	*oracle
	// folded are the tables that result from the changes alone.
	folded map[string]map[record.Name]view.Item
	// upTo is the last revision in folded.
	upTo int64
	// texts are rendered items without their resourceVersion. Items are immutable.
	texts map[view.Item]string
	// servedOnce are items rendered as objects.
	servedOnce map[view.Item]record.APIObject
	// trace describes the last revisions.
	trace []string
}

// traced is how many revisions a failure prints.
const traced = 3

// note adds the revision that is being committed to the trace.
func (c *checker) note(j *journal, txn *etcd.Txn) {
	lines := []string{fmt.Sprint("revision ", j.revision+1)}
	for _, key := range slices.SortedFunc(maps.Keys(txn.Put), compareKeys) {
		lines = append(lines, "  "+key.Path()+"\n    was "+j.records[key].value+"\n    is  "+string(txn.Put[key]))
	}
	for _, key := range txn.Delete {
		lines = append(lines, "  "+key.Path()+"\n    was "+j.records[key].value+"\n    gone")
	}
	c.trace = append(c.trace, strings.Join(lines, "\n"))
	c.trace = c.trace[max(0, len(c.trace)-traced):]
}

func newChecker(t testing.TB) *checker {
	return &checker{t: t, oracle: newOracle(t), folded: map[string]map[record.Name]view.Item{}, texts: map[view.Item]string{}, servedOnce: map[view.Item]record.APIObject{}}
}

func (c *checker) text(item view.Item) string {
	return remember(c.texts, item, func() string { return asJSON(c.t, item.Render()) })
}

// must fails the test at once. Messages are only formatted when they are needed.
func (c *checker) must(ok bool, format string, args ...any) {
	if !ok {
		c.t.Helper()
		require.FailNow(c.t, fmt.Sprintf(format, args...), "the last revisions were\n%s", strings.Join(c.trace, "\n"))
	}
}

// state compares a state and its view with what the records mean.
func (c *checker) state(s *State, v *view.View, records map[record.Key]entryOf, want *answer) {
	c.t.Helper()
	n := 0
	for item := range v.All(record.BundleDeployments, record.Name{}) {
		n++
		w, ok := want.deployments[item.Name()]
		c.must(ok, "the BundleDeployment %s should not exist", item.Name())
		got := c.text(item)
		c.must(len(validation.ValidateObjectMetaAccessor(c.served(item), true, validation.NameIsDNSSubdomain, nil)) == 0, "no report on the BundleDeployment %s could be taken: its metadata is not valid", item.Name())
		c.must(got == c.render(w), "the BundleDeployment %s is\n%s\nand should be\n%s", item.Name(), got, c.rendered[w])
	}
	if n != len(want.deployments) {
		for name := range want.deployments {
			c.must(v.Get(record.BundleDeployments, name) != nil, "the BundleDeployment %s is missing", name)
		}
	}
	for name, b := range want.bundles {
		got := v.Get(record.Bundles, name).(*view.Object).Derived.Failure
		c.must(got == b.failure, "the Bundle %s fails with %q and should with %q", name, got, b.failure)
	}
	for name, namespace := range want.namespaces {
		got, _ := placementOf(v.Get(record.Clusters, name).(*view.Object))
		c.must(got == namespace, "the Cluster %s has the namespace %q and should have %q", name, got, namespace)
	}
	c.pairs(s, want)
	c.rollups(v, records, want)
	c.stored(v, records)
	c.inside(s, v)
}

// pairs compares the pairs of the versions in force, even those that do not show.
func (c *checker) pairs(s *State, want *answer) {
	for name, b := range want.bundles {
		got := s.inForce(s.bundles[name])
		c.must((got == nil) == (b.inForce == nil), "the wrong version of %s is in force", name)
		if got == nil {
			continue
		}
		c.must(got.bundle.Generation == b.inForce.bundle.Generation, "version %d of %s is in force and should be %d", got.bundle.Generation, name, b.inForce.bundle.Generation)
		c.must(len(got.pairs) == len(b.pairs), "%s has %d pairs and should have %d", name, len(got.pairs), len(b.pairs))
		for cluster := range s.bundles[name].barred {
			c.must(s.clusters[cluster.name] == cluster, "%s knows the barred Cluster %s that is gone", name, cluster.name)
		}
		for cluster, p := range b.pairs {
			have := got.pairs[s.clusters[cluster]]
			c.must(have != nil, "%s does not target %s and should", name, cluster)
			c.must(have.content.Equal(p.content), "%s means on %s\n%+v\nand should mean\n%+v", name, cluster, have.content, p.content)
			c.must(got.failures[s.clusters[cluster]] == p.failure, "%s fails on %s with %q and should with %q", name, cluster, got.failures[s.clusters[cluster]], p.failure)
		}
	}
}

// stored compares stored objects with their records.
func (c *checker) stored(v *view.View, records map[record.Key]entryOf) {
	counts := map[string]int{}
	for key, e := range records {
		if key.Type != record.TypeObject {
			continue
		}
		counts[key.Resource]++
		item := v.Get(key.Resource, key.Name)
		c.must(item != nil, "%s is missing", key.Path())
		object := item.(*view.Object)
		c.must(object.RecordRevision == e.revision, "%s is at record revision %d and should be at %d", key.Path(), object.RecordRevision, e.revision)
		want := int64(0)
		if r, ok := records[record.ReportKey(key.Resource, key.Name)]; ok && c.report(key.Resource, r.value).UID == object.Record.Object.GetUID() {
			want = r.revision
		}
		c.must(object.ReportRevision == want, "%s is at report revision %d and should be at %d", key.Path(), object.ReportRevision, want)
		c.must(object.At.Revision() >= max(e.revision, want), "%s is at %s, before its records", key.Path(), object.At)
	}
	for _, resource := range allResources {
		if resource != record.BundleDeployments {
			c.must(v.Len(resource) == counts[resource], "there are %d %s and should be %d", v.Len(resource), resource, counts[resource])
		}
	}
}

// inside checks invariants between the parts of a state.
func (c *checker) inside(s *State, v *view.View) {
	err := s.Check()
	c.must(err == nil, "%v", err)
	for _, b := range s.bundles {
		count := 0
		for item := range v.OfBundle(b.name) {
			count++
			c.must(v.Get(record.BundleDeployments, item.Name()) == item, "the second order has another %s", item.Name())
		}
		for item := range v.All(record.BundleDeployments, record.Name{}) {
			if bd := item.(*view.BundleDeployment); bd.Bundle.Bundle.Namespace == b.name.Namespace && bd.Bundle.Bundle.Name == b.name.Name {
				count--
			}
		}
		c.must(count == 0, "the second order has %d BundleDeployments of %s too many", count, b.name)
	}
}

// changes checks the changes of the last revision: each changes something, is at the
// revision, and follows the item before it; and none is missing.
func (c *checker) changes(j *journal) {
	c.t.Helper()
	if c.upTo == j.revision {
		return // a write that changes nothing
	}
	c.upTo = j.revision
	r := j.view.Exactly(j.revision)
	for _, resource := range allResources {
		table := c.folded[resource]
		if table == nil {
			table = map[record.Name]view.Item{}
			c.folded[resource] = table
		}
		var placed view.Placed
		if r != nil {
			placed = r.Placed(resource, "", "")
		}
		for i, change := range placed.Changes {
			c.must(i == 0 || placed.Changes[i-1].Name.Compare(change.Name) < 0, "changes are out of order at %s", change.Name)
			c.must(change.Prev == table[change.Name] || change.Prev == nil && table[change.Name] == nil, "the change of %s %s does not follow what was there", resource, change.Name)
			c.must(change.Prev != nil || change.Next != nil, "the change of %s %s is none", resource, change.Name)
			if change.Next == nil {
				delete(table, change.Name)
				continue
			}
			want := view.VersionAt(j.revision) - view.Version(len(placed.Changes)-1-i)
			c.must(placed.Version(i) == want && change.Next.Version() == want, "%s %s changed at %s and says %s", resource, change.Name, want, change.Next.Version())
			if change.Prev != nil {
				c.must(vague(change.Prev) || vague(change.Next) || c.text(change.Prev) != c.text(change.Next), "%s %s changed without a change of content:\n%s", resource, change.Name, c.text(change.Next))
			}
			table[change.Name] = change.Next
		}
		now := map[record.Name]view.Item{}
		for item := range j.view.All(resource, record.Name{}) {
			now[item.Name()] = item
		}
		c.must(maps.Equal(now, table), "the changes of %s do not add up to the table", resource)
	}
	c.forget(j)
}

// forget bounds the memory of the checker.
func (c *checker) forget(j *journal) {
	if len(c.texts) < 50_000 {
		return
	}
	clear(c.texts)
	clear(c.servedOnce)
	*c.oracle = *newOracle(c.t)
}

// TestCheckFindsEveryDamage checks that a state fails its check wherever it is damaged.
func TestCheckFindsEveryDamage(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(s *State){
		"a count of failures":         func(s *State) { s.bundles[theApp].newest.unpinned++ },
		"a pair that a Cluster lacks": func(s *State) { clear(s.clusters[record.Name{Namespace: "fleet", Name: "c1"}].pairs) },
		"a Cluster that is gone":      func(s *State) { delete(s.clusters, record.Name{Namespace: "fleet", Name: "c1"}) },
		"an entry that is not filed": func(s *State) {
			v := s.bundles[theApp].newest
			for filing := range v.targets.Filings() {
				s.index.entries.Remove(entry{v, filing.Entry, 0})
			}
		},
		"a roll-up of a Cluster that is gone": func(s *State) {
			s.ledger.RemoveCluster(s.clusters[record.Name{Namespace: "fleet", Name: "c1"}].roll)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t)
			s.write(onWith("c1", "x"), on("c2"), app("v1", false))
			require.NoError(t, s.j.state.Check())
			spoil(s.j.state)
			require.Error(t, s.j.state.Check())
		})
	}
}
