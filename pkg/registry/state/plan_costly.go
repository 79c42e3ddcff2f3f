// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// refuseCostly refuses a Bundle whose templates take more work than any Cluster gives,
// where that can be known without a Cluster. A Bundle that was stored so already may be
// written again: it fails with a condition. It takes no lock while it looks, and a turn
// where that may take long.
func (planner *Planner) refuseCostly(ctx context.Context, p Proposal) error {
	if p.Resource != record.Bundles || p.Object == nil {
		return nil
	}
	next := p.Object.Object.(*v1alpha1.Bundle)
	var stored *v1alpha1.Bundle
	if err := planner.ask(func(s *State) { stored = s.storedBundle(p.Name) }); err != nil {
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

// plannedVersions are versions that plans have prepared and evaluated, and that took
// long. The writes may come to be applied; then this replica has not to do so again.
type plannedVersions struct {
	mu struct {
		sync.Mutex
		versions []plannedVersion
	}
}

type plannedVersion struct {
	bundle  *v1alpha1.Bundle
	facts   derive.Facts
	derived *derive.Version
}

// maxPlanned bounds how many versions are kept.
const maxPlanned = 16

// note keeps the version of a planned Bundle, if it took long.
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
		p.mu.versions = append(p.mu.versions, plannedVersion{key.record.Object.(*v1alpha1.Bundle), derived.Facts(), derived})
		p.mu.Unlock()
	}
}

// version is a version as a plan has left it, or a new one.
func (p *plannedVersions) version(bundle *v1alpha1.Bundle, facts derive.Facts) *derive.Version {
	for _, known := range p.of(bundle) {
		if sameFacts(known.facts, facts) && equality.Semantic.DeepEqual(&known.bundle.Spec, &bundle.Spec) {
			return known.derived
		}
	}
	return derive.NewVersion(bundle, facts)
}

// of are the versions that may be one of a Bundle.
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
