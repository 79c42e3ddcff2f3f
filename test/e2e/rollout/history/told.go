// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/e2e/rollout/scene"
)

// told holds what an agent is told to deploy. The zero told is that there is no
// BundleDeployment; with an empty ID there is one, and nothing to deploy yet.
type told struct {
	exists  bool
	version int
	id      string
}

// String is for messages.
func (t told) String() string {
	switch {
	case !t.exists:
		return "no BundleDeployment"
	case t.id == "":
		return "an empty one"
	}
	return fmt.Sprintf("version %d (%s)", t.version, t.id)
}

// version is the Bundle as it was written once.
type version struct {
	*record.Object
	bundle    *v1alpha1.Bundle
	selectors []labels.Selector
	// ids are deployment IDs by target: they are asked for again and again.
	ids map[int]told
}

func decodeVersion(data []byte) (*version, error) {
	if data == nil {
		return nil, errors.New("the Bundle is deleted")
	}
	object, err := record.DecodeObject(record.Bundles, data)
	if err != nil {
		return nil, err
	}
	bundle, ok := object.Object.(*v1alpha1.Bundle)
	if !ok {
		return nil, fmt.Errorf("a Bundle that is a %T", object.Object)
	}
	v := &version{Object: object, bundle: bundle, ids: map[int]told{}}
	for i := range bundle.Spec.Targets {
		selector, err := metav1.LabelSelectorAsSelector(bundle.Spec.Targets[i].ClusterSelector)
		if err != nil {
			return nil, err
		}
		v.selectors = append(v.selectors, selector)
	}
	return v, nil
}

// limited reports whether something can be held back: the strategy in play has limits.
func (v *version) limited() bool { return v.bundle.Spec.RolloutStrategy != nil }

// on returns what a version means on a Cluster: the first target that matches says it
// (S 2.4). Where there are labels, there are Helm options (S 3.3).
func (v *version) on(c *v1alpha1.Cluster) (told, error) {
	for i, selector := range v.selectors {
		if !selector.Matches(labels.Set(c.Labels)) {
			continue
		}
		target := &v.bundle.Spec.Targets[i]
		if target.DoNotDeploy {
			return told{}, nil
		}
		if known, ok := v.ids[i]; ok {
			return known, nil
		}
		options := v.bundle.Spec.BundleDeploymentOptions
		if target.ServiceAccount != "" {
			options.ServiceAccount = target.ServiceAccount
		}
		if options.Helm == nil {
			options.Helm = &v1alpha1.HelmOptions{}
		}
		out, err := deployment(v.Content, options)
		if err != nil {
			return told{}, err
		}
		v.ids[i] = out
		return out, nil
	}
	return told{}, nil
}

// deployment returns the deployment ID of a manifest and options (S 4.2).
func deployment(manifestID string, options v1alpha1.BundleDeploymentOptions) (told, error) {
	number, err := scene.Version(&options)
	if err != nil {
		return told{}, err
	}
	options.Diff, options.CorrectDrift = nil, nil
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(options); err != nil {
		return told{}, err
	}
	sum := sha256.Sum256(text.Bytes())
	return told{true, number, manifestID + ":" + hex.EncodeToString(sum[:])}, nil
}

// pair is a Cluster's part in a state.
type pair struct {
	// told is shown to its agent, and newest is what the newest version means there;
	// none if the Cluster is not targeted.
	told, newest told
	// held tells that something can keep the two apart, and paused that a pause does.
	held, paused bool
	// available as S 6.3 has it, and fresh: the newest is applied and ready.
	available, fresh bool
	ring             int
}

// targeted reports whether there is to be a BundleDeployment sooner or later.
func (p *pair) targeted() bool { return p.newest.exists }

// state holds what facts mean for all Clusters.
type state struct {
	pairs   [scene.Clusters]pair
	limited bool
}

// state is that after a revision, worked out where the revision can have changed it.
func (f *facts) state(before *state, wrote *touched) (*state, error) {
	out := *before
	if f.bundle == nil {
		return &out, nil
	}
	out.limited = f.bundle.limited()
	for number := range out.pairs {
		_, one := wrote.some[number]
		c := f.clusters[number]
		if c == nil || !one && !wrote.all {
			continue
		}
		p, err := f.pair(number, c)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", scene.ClusterName(number), err)
		}
		out.pairs[number] = p
	}
	return &out, nil
}

func (f *facts) pair(number int, c *v1alpha1.Cluster) (pair, error) {
	out := pair{ring: ringOf(c)}
	var err error
	if out.newest, err = f.bundle.on(c); err != nil || !out.newest.exists {
		return out, err
	}
	out.paused = f.bundle.bundle.Spec.Paused || c.Spec.Paused
	out.held = f.bundle.limited() || out.paused
	if out.told, err = f.told(number, c, out.held, out.newest); err != nil {
		return out, err
	}
	if r := f.reports[number]; r != nil && out.told.exists {
		out.available = r.Ready && r.AppliedDeploymentID == out.told.id
		out.fresh = r.AppliedDeploymentID == out.newest.id && (r.Ready || out.told != out.newest)
	}
	// One that has applied already what it is not told yet is promoted whatever the
	// limits; a pass takes that for done.
	out.fresh = out.fresh && (out.told == out.newest || !out.paused)
	return out, nil
}

// told returns the version in force: see "What is held back" in package engine.
func (f *facts) told(number int, c *v1alpha1.Cluster, held bool, newest told) (told, error) {
	switch promotion := f.promotions[number]; {
	case !held:
		return newest, nil
	case promotion != nil:
		return *promotion, nil
	case !f.rolling:
		return newest, nil
	case f.base != nil:
		if out, err := f.base.on(c); err != nil || out.exists {
			return out, err
		}
	}
	return told{exists: !f.bundle.limited()}, nil
}

// ringOf is the place of a Cluster's ring, or -1.
func ringOf(c *v1alpha1.Cluster) int {
	for i, r := range scene.Rings {
		if c.Labels[scene.RingLabel] == r.Name {
			return i
		}
	}
	return -1
}
