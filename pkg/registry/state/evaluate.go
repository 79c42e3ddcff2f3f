// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// valuesOf returns the mirrored data of the values Secret of a bundle's version; nil if the
// version needs none, or if the data is missing.
func (s *State) valuesOf(b *bundle, r *record.Object) map[string][]byte {
	return s.mirrors.values[b.name][r.Object.(*v1alpha1.Bundle).Spec.ValuesHash].data
}

// compile compiles a version of a bundle.
func (s *State) compile(b *bundle, r *record.Object) *version {
	return s.compileWith(b, r, s.valuesOf(b, r))
}

// compileWith compiles a version of a bundle. data holds the result of valuesOf, or its
// result after the write.
func (s *State) compileWith(b *bundle, r *record.Object, data map[string][]byte) *version {
	object, waits, broken := derive.Valued(r.Object.(*v1alpha1.Bundle), data)
	manifestID, _ := derive.EffectiveManifestID(&object.Spec, r.Content)
	v := &version{
		of:     b,
		record: r,
		bundle: object,
		derived: s.planned.version(object, derive.Facts{
			BundleUID:  object.UID,
			Generation: object.Generation,
			ManifestID: manifestID,
			Seed:       r.Seed,
			Time:       r.Time,
			Memo:       s.memo,
		}),
		waits:    waits,
		limited:  rollout.Limited(object.Spec.RolloutStrategy),
		face:     view.NewBundleFace(object, manifestID),
		pairs:    map[*cluster]*pair{},
		alike:    map[likeness]*pair{},
		failures: map[*cluster]string{},
	}
	targets, err := targeting.Compile(&object.Spec)
	switch {
	case err != nil:
		v.broken = targetingError + err.Error()
	case v.derived.Failure() != "":
		v.broken = v.derived.Failure()
	case broken != "":
		v.broken = broken
	case barsAll(object):
		// It targets nothing.
	default:
		v.targets = targets
	}
	return v
}

// targetingError begins the message of a targeting failure (S 2.7).
const targetingError = "targeting error: "

// subject is a cluster on which a version is evaluated, as it is or as a write would make it.
type subject struct {
	targeting targeting.Cluster
	object    *v1alpha1.Cluster
	pins      map[pinKey]*derive.Content
	// barred says why the cluster can have no BundleDeployments, "" if it can.
	barred string
}

func (c *cluster) subject() subject { return subject{c.targeting, c.object, c.pins, c.barred} }

// matchOf returns how a version targets a cluster, and whether it does.
func (s *State) matchOf(v *version, c subject) (targeting.Match, bool) {
	if v.targets == nil || c.absent() || !s.inScope(v.of, c.targeting.Namespace) {
		return targeting.Match{}, false
	}
	return v.targets.Resolve(c.targeting)
}

// resolve evaluates a version on a cluster. ok is false if the version does not target the
// cluster. If it fails, the pair has the pinned content, or none.
func (s *State) resolve(v *version, c subject) (p pair, ok bool, failure string) {
	match, ok := s.matchOf(v, c)
	if !ok {
		return pair{}, false, ""
	}
	content := v.derived.Content(match, s.injectedInto(v), c.object)
	if content.Failure == "" {
		return pair{match, content}, true, ""
	}
	return pair{match, c.pins[v.pinKey()]}, true, content.Failure
}

// canFail reports whether the version's templates could fail on some cluster, even one that
// does not exist yet. A version without templates works everywhere or nowhere.
func (v *version) canFail() bool {
	spec := &v.bundle.Spec
	return v.targets != nil && (templated(spec.Helm) ||
		slices.ContainsFunc(spec.Targets, func(t v1alpha1.BundleTarget) bool { return templated(t.Helm) }))
}

// templated reports whether options have values that are evaluated. Values without a template
// may fail too: by their depth, or as YAML.
func templated(helm *v1alpha1.HelmOptions) bool {
	return helm != nil && (helm.Values != nil || len(helm.TemplateValues) > 0)
}

func (v *version) pinKey() pinKey { return pinKey{v.bundle.UID, v.bundle.Generation} }

// set records the pair of a version on a cluster, or that it has none.
func (v *version) set(c *cluster, p *pair, failure string) {
	if old, ok := v.pairs[c]; ok && old.content == nil {
		v.unpinned--
	}
	delete(v.failures, c)
	if p == nil {
		delete(v.pairs, c)
		return
	}
	v.pairs[c] = p
	if failure != "" {
		v.failures[c] = failure
	}
	if p.content == nil {
		v.unpinned++
	}
}

// maxAlike bounds how many pairs are kept for sharing, because injections may change.
const maxAlike = 64

// share returns the pair equal to p that all clusters share.
func (v *version) share(p pair) *pair {
	like := likeness{p.match.Key(), p.content}
	if shared, ok := v.alike[like]; ok {
		return shared
	}
	if len(v.alike) >= maxAlike {
		clear(v.alike)
	}
	shared := &p
	v.alike[like] = shared
	return shared
}

// gate returns why Policies do not let a version pass, or what the version waits for; "" if
// it may pass.
func (s *State) gate(v *version) string {
	return cmp.Or(s.peek(v.of.name.Namespace).policy.Gate(&v.bundle.Spec), v.waits)
}

// works reports whether a version may come into force: it fails nowhere.
func (s *State) works(v *version) bool {
	return v.broken == "" && v.unpinned == 0 && s.gate(v) == ""
}

// inForce returns the version that gives a bundle's BundleDeployments, nil if it has none (S
// 2.7 and pkg/registry/doc.go).
func (s *State) inForce(b *bundle) *version {
	if b.pending() && !s.works(b.newest) {
		return b.fallback
	}
	return b.newest
}

// failureOf returns the message of a bundle's Ready condition while its newest version fails
// somewhere; "" if it fails nowhere. Of several failures it returns that of the first cluster
// by name, then namespace (S 2.5).
func (s *State) failureOf(b *bundle) string {
	if message := s.gate(b.newest); message != "" {
		return message
	}
	if b.newest.broken != "" {
		return b.newest.broken
	}
	var first *cluster
	for c := range b.newest.failures {
		if first == nil || c.compare(first) < 0 {
			first = c
		}
	}
	if first != nil {
		return targetingError + b.newest.failures[first]
	}
	if why := b.barredFailure(); why != "" {
		return why
	}
	if len(b.lost) > 0 {
		name := slices.MinFunc(slices.Collect(maps.Keys(b.lost)), record.Name.Compare)
		return "BundleDeployment " + name.String() + " belongs to the " + b.lost[name] + ", which has it already; rename this Bundle"
	}
	return b.obstacle()
}

// A bundle is evaluated on a few clusters first, to learn whether that takes long, and then
// on as many at a time as a derive.Memo keeps.
const (
	firstEvaluated  = 4
	evaluatedAtOnce = 256
)

// evaluateAll evaluates a bundle on clusters. Slow versions are evaluated on all processors
// first; the goroutine that writes then finds their results.
func (w *work) evaluateAll(b *bundle, clusters map[*cluster]struct{}) {
	all := slices.Collect(maps.Keys(clusters))
	for n := firstEvaluated; len(all) > 0; n = evaluatedAtOnce {
		some := all[:min(n, len(all))]
		w.prepareOn(b, some)
		for _, c := range some {
			w.evaluateOn(b, c)
		}
		all = all[len(some):]
	}
}

// prepareOn fills the memos of a bundle's slow versions on clusters. It does not write to the
// state.
func (s *State) prepareOn(b *bundle, clusters []*cluster) {
	for _, v := range b.versions() {
		if !v.derived.Costly() {
			continue
		}
		injected := s.injectedInto(v)
		parallel(len(clusters), func(i int) {
			if match, ok := s.matchOf(v, clusters[i].subject()); ok {
				v.derived.Content(match, injected, clusters[i].object)
			}
		})
	}
}
