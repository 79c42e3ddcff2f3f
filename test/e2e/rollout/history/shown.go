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

// shown holds what an agent should deploy. The zero value means that no BundleDeployment
// exists. With an empty ID one exists, and has nothing to deploy yet.
type shown struct {
	exists  bool
	version int
	id      string
}

// String returns a text for messages.
func (t shown) String() string {
	switch {
	case !t.exists:
		return "no BundleDeployment"
	case t.id == "":
		return "an empty one"
	}
	return fmt.Sprintf("version %d (%s)", t.version, t.id)
}

// version holds the Bundle of one write.
type version struct {
	*record.Object
	bundle    *v1alpha1.Bundle
	selectors []labels.Selector
	// ids holds deployment IDs by target, because they are needed often.
	ids map[int]shown
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
	v := &version{Object: object, bundle: bundle, ids: map[int]shown{}}
	for i := range bundle.Spec.Targets {
		selector, err := metav1.LabelSelectorAsSelector(bundle.Spec.Targets[i].ClusterSelector)
		if err != nil {
			return nil, err
		}
		v.selectors = append(v.selectors, selector)
	}
	return v, nil
}

// limited reports whether the Bundle has a strategy, which can hold versions back.
func (v *version) limited() bool { return v.bundle.Spec.RolloutStrategy != nil }

// on returns what a version means on a Cluster: the first target that matches decides
// (S 2.4). A Cluster with labels gets Helm options (S 3.3).
func (v *version) on(c *v1alpha1.Cluster) (shown, error) {
	for i, selector := range v.selectors {
		if !selector.Matches(labels.Set(c.Labels)) {
			continue
		}
		target := &v.bundle.Spec.Targets[i]
		if target.DoNotDeploy {
			return shown{}, nil
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
			return shown{}, err
		}
		v.ids[i] = out
		return out, nil
	}
	return shown{}, nil
}

// deployment returns the deployment ID of a manifest and options (S 4.2).
func deployment(manifestID string, options v1alpha1.BundleDeploymentOptions) (shown, error) {
	number, err := scene.Version(&options)
	if err != nil {
		return shown{}, err
	}
	options.Diff, options.CorrectDrift = nil, nil
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(options); err != nil {
		return shown{}, err
	}
	sum := sha256.Sum256(text.Bytes())
	return shown{true, number, manifestID + ":" + hex.EncodeToString(sum[:])}, nil
}

// pair holds one Cluster's part of a state.
type pair struct {
	// shown is what its agent sees, newest what the newest version means there. Both are
	// zero if the Cluster is not targeted.
	shown, newest shown
	// held says that limits or a pause can keep the two apart, paused that a pause does.
	held, paused bool
	// available is defined by S 6.3; fresh means that the newest is applied and ready.
	available, fresh bool
	ring             int
}

// targeted reports whether a BundleDeployment should exist, now or later.
func (p *pair) targeted() bool { return p.newest.exists }

// state holds what the facts mean for all Clusters.
type state struct {
	pairs   [scene.Clusters]pair
	limited bool
}

// state returns the state after a revision. It computes only the parts that the revision
// can have changed.
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
	if out.shown, err = f.shown(number, c, out.held, out.newest); err != nil {
		return out, err
	}
	if r := f.reports[number]; r != nil && out.shown.exists {
		out.available = r.Ready && r.AppliedDeploymentID == out.shown.id
		out.fresh = r.AppliedDeploymentID == out.newest.id && (r.Ready || out.shown != out.newest)
	}
	// A Cluster that has already applied a version before it was shown is promoted whatever
	// the limits; a pass counts it as done.
	out.fresh = out.fresh && (out.shown == out.newest || !out.paused)
	return out, nil
}

// shown returns what an agent should see: see "What is held back" in package state.
func (f *facts) shown(number int, c *v1alpha1.Cluster, held bool, newest shown) (shown, error) {
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
	return shown{exists: !f.bundle.limited()}, nil
}

// ringOf returns the index of a Cluster's ring, or -1.
func ringOf(c *v1alpha1.Cluster) int {
	for i, r := range scene.Rings {
		if c.Labels[scene.RingLabel] == r.Name {
			return i
		}
	}
	return -1
}
