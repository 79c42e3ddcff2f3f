// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"fmt"
	"hash/fnv"
	"time"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

const (
	// pairsAtOnce bounds the evaluations of one audit: about two seconds of one CPU.
	pairsAtOnce = 50_000
	// batch is how many objects are compared between two rests. A rest is as long as the work
	// before it, so an audit leaves CPU time to requests.
	batch = 64
)

// Share is a part of the Bundles, by a hash of their names.
type Share struct{ Turn, Of uint32 }

// ShareOf returns the share whose turn it is.
func ShareOf(v *view.View, turn uint32) Share {
	pairs := v.Len(record.Bundles) * v.Len(record.Clusters)
	of := uint32(min(pairs/pairsAtOnce, v.Len(record.Bundles))) + 1
	return Share{turn % of, of}
}

func (s Share) String() string { return fmt.Sprintf("%d of %d", s.Turn+1, s.Of) }

// Has reports whether Bundles with that name are in the share.
func (s Share) Has(bundle string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(bundle))
	return h.Sum32()%s.Of == s.Turn
}

// Needs reports whether the share depends on a record.
func (s Share) Needs(r *etcd.Record) bool {
	if r.Err != nil {
		return false // it is not ours
	}
	switch r.Key.Resource {
	case record.Bundles, record.BundleDeployments:
		return r.Key.Type == record.TypeMirror || s.Has(r.Key.Name.Name)
	}
	return true
}

// resources returns the resources that are compared, each with whether its objects belong to
// shares.
func (s Share) resources() map[string]bool {
	all := map[string]bool{record.BundleDeployments: true, record.Bundles: true}
	if s.Of == 1 {
		for _, resource := range []string{record.Clusters, record.ClusterGroups, record.GitRepos, record.HelmOps} {
			all[resource] = false
		}
	}
	return all
}

// Difference is an object that differs from what it should be.
type Difference struct {
	Resource string
	Name     record.Name
	// What names the fields that are wrong, without their values.
	What string
}

// Compare compares two views of the share. It rests in between for as long as it has worked.
func (s Share) Compare(is, should *view.View, rest func(time.Duration)) (found []Difference, compared int) {
	for resource, byBundle := range s.resources() {
		began := time.Now()
		differs := func(name record.Name, a, b view.Item) {
			if what := differ(a, b); what != "" {
				found = append(found, Difference{resource, name, what})
			}
			if compared++; compared%batch == 0 {
				rest(time.Since(began))
				began = time.Now()
			}
		}
		for item := range is.All(resource, record.Name{}) {
			if name := item.Name(); !byBundle || s.Has(name.Name) {
				differs(name, item, should.Get(resource, name))
			}
		}
		for item := range should.All(resource, record.Name{}) {
			if name := item.Name(); is.Get(resource, name) == nil {
				differs(name, nil, item)
			}
		}
	}
	return found, compared
}
