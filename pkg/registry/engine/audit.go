// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// An audit compares what the engine has come to, edit by edit, with what the records
// in etcd at that revision mean, worked out anew and without the index. A fault of
// the engine, or of the machine's memory, that makes a BundleDeployment vanish would
// make an agent uninstall; so it is found here, and the replica stops answering until
// it has built its state anew.
//
// The Bundles are audited in shares, by a hash of their name: what their
// BundleDeployments and roll-ups are depends on all Clusters, and on no Bundle of
// another name. An audit reads all records of the log, decodes those that it needs,
// and evaluates as many pairs as auditPairs; a large fleet is through after some of
// them. Where one share is all, Clusters, ClusterGroups, GitRepos and HelmOps are
// compared too.

// ErrDiffers means that an audit found the state to be wrong.
var ErrDiffers = errors.New("the state differs from what the records mean")

const (
	// auditPairs bounds the evaluations of one audit: about two seconds of one CPU.
	auditPairs = 50_000
	// auditTimeout bounds one audit: the records of its revision are not held for ever.
	auditTimeout = 5 * time.Minute
	// auditBatch is how many objects are compared between rests that are as long: an
	// audit leaves the CPU to requests.
	auditBatch = 64
	// auditTold is how many differences are logged.
	auditTold = 10
)

// audit runs audits at an interval until the context ends.
func (e *Engine) audit(ctx context.Context, interval time.Duration) {
	if interval <= 0 {
		return
	}
	for turn := rand.Uint32(); ; turn++ {
		// Replicas must not rebuild at one time.
		wait := interval + rand.N(interval/4+1) - interval/8
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if e.Ready() != nil {
			continue
		}
		if err := e.auditOnce(ctx, turn); err != nil && ctx.Err() == nil {
			klog.ErrorS(err, "An audit could not be made")
		}
	}
}

// auditOnce audits one share. It fails if that cannot be done; what it finds is in the
// log and in the totals.
func (e *Engine) auditOnce(ctx context.Context, turn uint32) error {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	v, err := e.Current()
	if err != nil {
		return err
	}
	if s := e.Stats(); s.UndecodableNow > s.Foreign {
		return fmt.Errorf("%d records cannot be decoded: what they say is not known", s.UndecodableNow-s.Foreign)
	}
	s := shareOf(v, turn)
	all, err := e.records(ctx, v.Revision, s.needs)
	if err != nil {
		return fmt.Errorf("read the records at revision %d: %w", v.Revision, err)
	}
	should, unread := recomputed(all)
	if unread > 0 {
		// It was so at that revision, and is not any more.
		return fmt.Errorf("%d records could not be decoded at revision %d", unread, v.Revision)
	}
	found, compared := s.compare(v, should, time.Sleep)
	e.totals.audits.Add(1)
	e.totals.audited.Add(int64(compared))
	e.totals.differences.Add(int64(len(found)))
	if len(found) == 0 {
		klog.V(2).InfoS("An audit found nothing wrong", "revision", v.Revision, "compared", compared, "share", s.String())
		return nil
	}
	for i := range min(len(found), auditTold) {
		klog.ErrorS(ErrDiffers, "An audit found an object that is wrong", "resource", found[i].resource, "object", found[i].name, "revision", v.Revision, "what", found[i].what)
	}
	// At once, whatever etcd can do now. Objects come back with another content, at a
	// revision that nobody has seen them at: it takes one to be ready again (load).
	e.breakOff(fmt.Errorf("%w: %d of %d objects at revision %d", ErrDiffers, len(found), compared, v.Revision))
	return nil
}

// recomputed is what records mean, without the help of anything that is kept from
// edit to edit, and how many of them mean nothing.
func recomputed(all *loaded) (v *view.View, unread int) {
	s := newState(view.Limits{})
	s.exhaustive = true
	s.begin(all)
	return s.builder.Load(all.Revision), len(s.undecodable.paths)
}

// share is some of the Bundles.
type share struct{ turn, of uint32 }

// shareOf is the share whose turn it is.
func shareOf(v *view.View, turn uint32) share {
	pairs := v.Len(record.Bundles) * v.Len(record.Clusters)
	of := uint32(min(pairs/auditPairs, v.Len(record.Bundles))) + 1
	return share{turn % of, of}
}

func (s share) String() string { return fmt.Sprintf("%d of %d", s.turn+1, s.of) }

// has tells whether Bundles of that name are in the share.
func (s share) has(bundle string) bool {
	h := fnv.New32a()
	_, _ = h.Write([]byte(bundle))
	return h.Sum32()%s.of == s.turn
}

// needs tells whether a record bears on the share.
func (s share) needs(r *etcd.Record) bool {
	if r.Err != nil {
		return false // it is not ours
	}
	switch r.Key.Resource {
	case record.Bundles, record.BundleDeployments:
		return r.Key.Type == record.TypeMirror || s.has(r.Key.Name.Name)
	}
	return true
}

// resources are those that are compared, with whether that goes by Bundles.
func (s share) resources() map[string]bool {
	all := map[string]bool{record.BundleDeployments: true, record.Bundles: true}
	if s.of == 1 {
		for _, resource := range []string{record.Clusters, record.ClusterGroups, record.GitRepos, record.HelmOps} {
			all[resource] = false
		}
	}
	return all
}

// difference is an object that is not what it should be.
type difference struct {
	resource string
	name     record.Name
	what     string
}

// compare compares two views of the share, and rests in between for as long as it has
// worked.
func (s share) compare(is, should *view.View, rest func(time.Duration)) (found []difference, compared int) {
	for resource, byBundle := range s.resources() {
		began := time.Now()
		differs := func(name record.Name, a, b view.Item) {
			if what := differ(a, b); what != "" {
				found = append(found, difference{resource, name, what})
			}
			if compared++; compared%auditBatch == 0 {
				rest(time.Since(began))
				began = time.Now()
			}
		}
		for item := range is.All(resource, record.Name{}) {
			if name := item.Name(); !byBundle || s.has(name.Name) {
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
