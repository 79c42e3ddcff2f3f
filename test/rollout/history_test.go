// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// history folds the log into what agents are told, by the rules of records alone:
// while the Bundle is limited, a promotion record says what is promoted; without
// one, the base of the rollout record does; and nothing does if that has none.
type history struct {
	number map[string]int // Cluster by the namespace of its BundleDeployment
	// facts
	bundle     *record.Object
	rolling    *record.Rollout
	promotions map[int]*record.Promotion
	reports    map[int]*v1alpha1.BundleDeploymentStatus

	revision                                     int64
	promoted, disrupted, full, limits, unlimited int
}

// told is what an agent is told to deploy; the zero told is nothing.
type told struct {
	version int
	id      string
}

func contentTold(manifestID string, options v1alpha1.BundleDeploymentOptions) told {
	version, err := strconv.Atoi(options.DefaultNamespace)
	if err != nil {
		panic(err)
	}
	return told{version, derive.Pinned(manifestID, options).DeploymentID}
}

func objectTold(o *record.Object) told {
	return contentTold(o.Content, o.Object.(*v1alpha1.Bundle).Spec.BundleDeploymentOptions)
}

func (h *history) limited() bool {
	return h.bundle.Object.(*v1alpha1.Bundle).Spec.RolloutStrategy != nil
}

// now is what every agent is told at this revision.
func (h *history) now() (all [clusters]told) {
	if h.bundle == nil {
		return all
	}
	var base told
	switch {
	case !h.limited() || h.rolling == nil:
		base = objectTold(h.bundle)
	case len(h.rolling.Base) > 0:
		object, err := record.DecodeObject(record.Bundles, h.rolling.Base)
		if err != nil {
			panic(err)
		}
		base = objectTold(object)
	}
	for number := range all {
		all[number] = base
		if p := h.promotions[number]; p != nil && h.limited() {
			all[number] = told{}
			if p.Promoted != nil {
				all[number] = contentTold(p.Promoted.ManifestID, p.Promoted.Options)
			}
		}
	}
	return all
}

func (h *history) available(number int, t told) bool {
	r := h.reports[number]
	return t.id != "" && r != nil && r.Ready && r.AppliedDeploymentID == t.id
}

// apply takes one revision, and returns what it breaks.
func (h *history) apply(batch etcd.Batch) error {
	before := h.now()
	var unavailable [3]int
	var wasAvailable [clusters]bool
	for number, t := range before {
		wasAvailable[number] = h.available(number, t)
		if t.id != "" && !wasAvailable[number] {
			unavailable[ringOf(number)]++
		}
	}
	wasLimited := h.bundle != nil && h.limited()
	for _, r := range batch.Records {
		if err := h.take(r); err != nil {
			return fmt.Errorf("revision %d: %s: %w", batch.Revision, r.Key.Path(), err)
		}
	}
	h.revision = batch.Revision
	after := h.now()
	if h.bundle == nil {
		return nil
	}
	var disrupted [3]int
	for number, t := range after {
		was := before[number]
		if t == was {
			continue
		}
		if t.version < was.version {
			return fmt.Errorf("revision %d takes back version %d of %s and gives %d", h.revision, was.version, clusterName(number), t.version)
		}
		h.promoted++
		if wasAvailable[number] {
			disrupted[ringOf(number)]++
		}
	}
	if !h.limited() {
		h.unlimited++
		return nil // all may go on at once
	}
	if !wasLimited {
		h.limits++
	}
	return h.within(unavailable, disrupted)
}

// within checks the caps: each promotion of an available one comes while the count
// before it is below them.
func (h *history) within(unavailable, disrupted [3]int) error {
	all, taken := 0, 0
	for i, r := range rings {
		all, taken = all+unavailable[i], taken+disrupted[i]
		if disrupted[i] > 0 && unavailable[i]+disrupted[i] > r.most {
			return fmt.Errorf("revision %d: of ring %s %d are unavailable, %d more are promoted, and the limit is %d", h.revision, r.name, unavailable[i], disrupted[i], r.most)
		}
		if disrupted[i] > 0 && unavailable[i]+disrupted[i] == r.most {
			h.full++
		}
	}
	h.disrupted += taken
	if taken > 0 && all+taken > most {
		return fmt.Errorf("revision %d: of all %d are unavailable, %d more are promoted, and the limit is %d", h.revision, all, taken, most)
	}
	return nil
}

func (h *history) take(r etcd.Record) error {
	number, isDeployment := h.number[r.Key.Name.Namespace]
	switch {
	case r.Key == record.ObjectKey(record.Bundles, bundleName):
		object, err := record.DecodeObject(record.Bundles, r.Value)
		h.bundle = object
		return err
	case r.Key == record.RolloutKey(bundleName):
		h.rolling = nil
		if r.Value == nil {
			return nil
		}
		h.rolling = &record.Rollout{}
		return json.Unmarshal(r.Value, h.rolling)
	case r.Key.Type == record.TypePromotion && isDeployment:
		delete(h.promotions, number)
		if r.Value == nil {
			return nil
		}
		p, err := record.DecodePromotion(r.Value)
		h.promotions[number] = p
		return err
	case r.Key.Type == record.TypeReport && isDeployment:
		delete(h.reports, number)
		if r.Value == nil {
			return nil
		}
		decoded, err := record.DecodeReport(record.BundleDeployments, r.Value)
		if err == nil {
			h.reports[number] = &decoded.Status.(*v1alpha1.BundleDeployment).Status
		}
		return err
	}
	return nil
}

// read folds the whole log, from the first revision on.
func (w *world) read(t *testing.T) *history {
	h := &history{number: map[string]int{}, promotions: map[int]*record.Promotion{}, reports: map[int]*v1alpha1.BundleDeploymentStatus{}}
	v, err := w.up.Load().engine.Barrier(t.Context())
	require.NoError(t, err)
	for number := range clusters {
		name, ok := deployment(v, number)
		require.True(t, ok)
		h.number[name.Namespace] = number
	}
	end, err := w.log.Revision(t.Context())
	require.NoError(t, err)
	ctx, stop := contextWithCause(t)
	var broken error
	err = w.log.Watch(ctx, 1, func(batch etcd.Batch) {
		if broken == nil && len(batch.Records) > 0 {
			broken = h.apply(batch)
		}
		if broken != nil || batch.Revision >= end {
			stop(errEnough)
		}
	})
	require.ErrorIs(t, err, errEnough)
	require.NoError(t, broken)
	return h
}
