// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// A plan reads the state under its lock. The engine's goroutine waits for that lock, and all
// other plans wait behind it. Evaluating templates may take long, but depends only on
// immutable values. So a plan is made in passes. Each pass puts slow evaluations off, and
// continues as if they changed nothing. They are then made without the lock, and what the
// pass planned is discarded. The pass that puts nothing off is the plan. For most writes that
// is the first pass.

const (
	// heldFor is about how long a pass evaluates templates under the lock.
	heldFor = 2 * time.Millisecond
	// maxPasses bounds how often a plan starts over because the state has changed. The last
	// pass puts nothing off.
	maxPasses = 8
)

// warmth holds what a plan has learnt from its passes so far.
type warmth struct {
	ctx context.Context
	// contents are the evaluations that were put off and have been made since.
	contents map[evaluation]*derive.Content
	// derived are the versions that the plan has compiled, for later passes.
	derived map[compiled]*derive.Version
	// putOff are the evaluations of this pass that are still to be made.
	putOff map[evaluation]targeting.Match
	// spent is how long this pass has evaluated. heldFor is about how long it may.
	spent, heldFor time.Duration
	last           bool // this pass puts nothing off
}

// evaluation holds everything that a content follows from. All of it is immutable.
type evaluation struct {
	version  *derive.Version
	match    targeting.Key
	injected *rules.Injected
	cluster  *v1alpha1.Cluster
}

// compiled holds what a derived version follows from.
type compiled struct {
	record *record.Object
	// valued reports whether the data of its values Secret is known.
	valued bool
}

func (planner *Planner) newWarmth(ctx context.Context) *warmth {
	return &warmth{ctx: ctx, heldFor: planner.heldFor, contents: map[evaluation]*derive.Content{}, derived: map[compiled]*derive.Version{}}
}

// evaluate is State.resolve with the results of earlier passes.
func (t *trial) evaluate(v *version, c subject) (p *pair, failure string) {
	match, ok := t.matchOf(v, c)
	if !ok {
		return nil, ""
	}
	content := t.content(v, match, c.object)
	if content.Failure == "" {
		return &pair{match, content}, ""
	}
	return &pair{match, c.pins[v.pinKey()]}, content.Failure
}

// content returns what a version means on a cluster. If the pass puts the evaluation off, it
// returns something else, and the pass is no plan.
func (t *trial) content(v *version, m targeting.Match, c *v1alpha1.Cluster) *derive.Content {
	w := t.warmth
	e := evaluation{v.derived, m.Key(), t.injectedInto(v), c}
	if content, ok := w.contents[e]; ok {
		return content
	}
	if w.ctx.Err() != nil {
		return derive.Nothing // the plan fails
	}
	mayTakeLong := v.canFail()
	if !w.last && (mayTakeLong && w.spent > w.heldFor || !v.derived.Known(m, e.injected, c)) {
		w.putOff[e] = m
		return derive.Nothing
	}
	if !mayTakeLong {
		return v.derived.Content(m, e.injected, c)
	}
	begun := time.Now()
	content := v.derived.Content(m, e.injected, c)
	w.spent += time.Since(begun)
	return content
}

// compile is State.compile with the results of earlier passes.
func (t *trial) compile(b *bundle, r *record.Object) *version {
	return t.compileWith(b, r, t.valuesOf(b, r))
}

// compileWith is State.compileWith. It reuses what earlier passes have compiled.
func (t *trial) compileWith(b *bundle, r *record.Object, data map[string][]byte) *version {
	v := t.State.compileWith(b, r, data)
	key := compiled{r, data != nil}
	if known, ok := t.warmth.derived[key]; ok {
		v.derived = known
	} else {
		t.warmth.derived[key] = v.derived
	}
	return v
}

// try plans a write on the current state, in as many passes as necessary.
func (planner *Planner) try(w *warmth, p Proposal, write func(t *trial) error) (plan *Plan, err error) {
	for pass := 1; ; pass++ {
		w.putOff, w.spent, w.last = map[evaluation]targeting.Match{}, 0, pass >= maxPasses
		if notAsked := planner.ask(func(s *State) { plan, err = s.plan(w, p, write) }); notAsked != nil {
			plan, err = nil, notAsked
		}
		if ended := w.ctx.Err(); ended != nil {
			return nil, ended
		}
		if len(w.putOff) == 0 {
			return plan, err
		}
		if err := planner.evaluate(w); err != nil {
			return nil, err
		}
	}
}

// evaluate makes the evaluations that a pass has put off.
func (planner *Planner) evaluate(w *warmth) error {
	for one, m := range w.putOff {
		leave, err := planner.evaluating.take(w.ctx)
		if err != nil {
			return err
		}
		w.contents[one] = one.version.Content(m, one.injected, one.cluster)
		leave()
	}
	return nil
}

// turns limits how many plans evaluate at a time. Plans of requests take turns with all other
// heavy work (package fair). Plans of controllers leave one processor to the engine's
// goroutine, if there are at least two.
type turns struct {
	once sync.Once
	room chan struct{}
}

// take waits for a turn. The caller ends the turn with leave.
func (t *turns) take(ctx context.Context) (leave func(), err error) {
	if client := fair.Of(ctx); client != nil {
		return client.Evaluate(ctx)
	}
	t.once.Do(func() { t.room = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)) })
	select {
	case t.room <- struct{}{}:
		return func() { <-t.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refuseCostly refuses a Bundle whose templates take more work than any Cluster may, if that
// can be seen without a Cluster. A Bundle that was already like that may be written again: it
// fails with a condition.
func (planner *Planner) refuseCostly(ctx context.Context, p Proposal) error {
	if p.Resource != record.Bundles || p.Object == nil {
		return nil
	}
	next := p.Object.Object.(*v1alpha1.Bundle)
	var stored *v1alpha1.Bundle
	if err := planner.ask(func(s *State) {
		if b := s.bundles[p.Name]; b != nil {
			stored = b.newest.bundle
		}
	}); err != nil {
		return err
	}
	if stored != nil && stored.UID == next.UID && stored.Generation == next.Generation {
		return nil
	}
	version := derive.NewVersion(next, derive.Facts{})
	if version.Heavy() {
		leave, err := planner.evaluating.take(ctx)
		if err != nil {
			return err
		}
		defer leave()
	}
	excess := version.Excess()
	if excess == nil || stored != nil && derive.NewVersion(stored, derive.Facts{}).Excess() != nil {
		return nil
	}
	path := field.NewPath("spec")
	if excess.Target >= 0 {
		path = path.Child("targets").Index(excess.Target)
	}
	return apierrors.NewInvalid(v1alpha1.SchemeGroupVersion.WithKind("Bundle").GroupKind(), p.Name.Name,
		field.ErrorList{field.Forbidden(path.Child(excess.Field), excess.Text)})
}

// plannedVersions are slow versions that plans have compiled and evaluated. If their writes
// are applied, this replica need not evaluate them again.
type plannedVersions struct {
	mu struct {
		sync.Mutex
		versions []plannedVersion
	}
}

type plannedVersion struct {
	bundle  *v1alpha1.Bundle
	derived *derive.Version
}

// maxPlanned bounds how many versions are kept.
const maxPlanned = 16

// note keeps the version of a planned Bundle, if the version is slow.
func (p *plannedVersions) note(proposal Proposal, w *warmth) {
	if proposal.Resource != record.Bundles || proposal.Object == nil {
		return
	}
	for key, derived := range w.derived {
		if key.record != proposal.Object || key.valued || !derived.Heavy() {
			continue
		}
		p.mu.Lock()
		if len(p.mu.versions) >= maxPlanned {
			p.mu.versions = slices.Delete(p.mu.versions, 0, 1)
		}
		p.mu.versions = append(p.mu.versions, plannedVersion{key.record.Object.(*v1alpha1.Bundle), derived})
		p.mu.Unlock()
	}
}

// version returns a version that a plan has left, or a new one.
func (p *plannedVersions) version(bundle *v1alpha1.Bundle, facts derive.Facts) *derive.Version {
	for _, known := range p.of(bundle) {
		if sameFacts(known.derived.Facts(), facts) && equality.Semantic.DeepEqual(&known.bundle.Spec, &bundle.Spec) {
			return known.derived
		}
	}
	return derive.NewVersion(bundle, facts)
}

// of returns the kept versions that may be the version of a Bundle.
func (p *plannedVersions) of(bundle *v1alpha1.Bundle) []plannedVersion {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []plannedVersion
	for _, v := range p.mu.versions {
		if v.bundle.UID == bundle.UID && v.bundle.Generation == bundle.Generation {
			out = append(out, v)
		}
	}
	return out
}

// sameFacts reports whether two versions of the same spec are the same.
func sameFacts(a, b derive.Facts) bool {
	return a.BundleUID == b.BundleUID && a.Generation == b.Generation && a.ManifestID == b.ManifestID &&
		a.Memo == b.Memo && bytes.Equal(a.Seed, b.Seed) && a.Time.Equal(b.Time)
}
