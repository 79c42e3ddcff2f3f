// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// Facts are what a Version depends on, besides the Bundle's spec.
type Facts struct {
	BundleUID  types.UID
	Generation int64
	// ManifestID is the effective one (EffectiveManifestID).
	ManifestID string
	// Seed and Time stand in for chance and the clock in templates.
	Seed []byte
	Time time.Time
	// Memo keeps what takes long to evaluate; nil keeps nothing. It shows in no result.
	Memo *Memo
}

// Version is one version of a Bundle: its spec, prepared to be applied to
// Clusters. What it has computed once it keeps, so it grows with the number of
// different matches, not with the number of Clusters.
type Version struct {
	spec    *v1alpha1.BundleSpec
	facts   Facts
	failure string
	// costly: a content took long to evaluate.
	costly atomic.Bool
	// weighed guards isHeavy.
	weighed sync.Once
	isHeavy bool

	mu struct {
		sync.Mutex
		plans    map[targeting.Key]*plan
		contents map[contentKey]*Content
		// rendered are contents that depend on the Cluster and are the same on many.
		rendered map[renderedKey]weak.Pointer[Content]
		// room is how many of them there are before a look for those that are gone.
		room int
		// reads are those of all plans.
		reads []Read
	}
}

// renderedKey identifies contents whose templates came out the same.
type renderedKey struct {
	plan      *plan
	injected  *rules.Injected
	rendering [sha256.Size]byte
}

// contentKey identifies contents that are the same on all Clusters.
type contentKey struct {
	match    targeting.Key
	injected *rules.Injected
	labelled bool
}

// plan is what a match of the Version means on any Cluster.
type plan struct {
	// once is for the plan's own sake: two matches do not wait for each other.
	once sync.Once
	// prepared: once is done.
	prepared atomic.Bool

	options v1alpha1.BundleDeploymentOptions
	values  *values
	match   string
}

// NewVersion prepares a Bundle's spec, which must not be changed after. It costs
// nothing to speak of: matches are prepared when they first occur.
func NewVersion(bundle *v1alpha1.Bundle, facts Facts) *Version {
	v := &Version{spec: &bundle.Spec, facts: facts, failure: versionGate(&bundle.Spec)}
	v.mu.plans = map[targeting.Key]*plan{}
	v.mu.contents = map[contentKey]*Content{}
	v.mu.rendered, v.mu.room = map[renderedKey]weak.Pointer[Content]{}, maxRendered
	return v
}

// Facts returns what the version depends on besides its spec.
func (v *Version) Facts() Facts { return v.facts }

// Failure returns why the version can be deployed nowhere, or "".
func (v *Version) Failure() string { return v.failure }

// PerCluster reports whether Content depends on the Cluster beyond the match and
// beyond whether it has any label (S 3.3, step 2).
func (v *Version) PerCluster(m targeting.Match) bool { return v.plan(m).values.perCluster() }

// Content returns what the version means on a Cluster that it matches through m.
// Contents that do not depend on the Cluster are one pointer for all Clusters
// with the same match, the same pointer inj, and any label or none.
func (v *Version) Content(m targeting.Match, inj *rules.Injected, c *v1alpha1.Cluster) *Content {
	p := v.plan(m)
	labelled := HasTemplateLabels(c.Labels)
	if labelled && (p.values.err != nil || p.values.perCluster()) {
		return v.memoized(p, inj, v.subject(p, c))
	}
	key := contentKey{m.Key(), inj, labelled}
	v.mu.Lock()
	defer v.mu.Unlock()
	content, ok := v.mu.contents[key]
	if !ok {
		v.forget(inj)
		content = v.content(p, inj, v.subject(p, c))
		v.mu.contents[key] = content
	}
	return content
}

// maxContents bounds how many contents are kept when injections change.
const maxContents = 64

// forget drops contents with other injections than inj once there are many.
func (v *Version) forget(inj *rules.Injected) {
	if len(v.mu.contents) < maxContents {
		return
	}
	for key := range v.mu.contents {
		if key.injected != inj {
			delete(v.mu.contents, key)
		}
	}
}

// maxRendered is from how many contents on that depend on the Cluster those are looked
// for that nobody has any more.
const maxRendered = 64

// memoized is rendered for a version of which some contents took long: it looks for one
// that is kept, and keeps what took long. A version that is cheap pays nothing for it.
func (v *Version) memoized(p *plan, inj *rules.Injected, on *subject) *Content {
	var key memoKey
	costly := v.costly.Load()
	if costly {
		key = v.memoKey(p, inj, on)
		if content := v.facts.Memo.get(key); content != nil {
			return content
		}
	}
	content := v.rendered(p, inj, on)
	if on.budget.Used() >= costlyUnits {
		if !costly {
			key = v.memoKey(p, inj, on)
			v.costly.Store(true)
		}
		v.facts.Memo.put(key, content)
	}
	return content
}

// rendered evaluates a plan whose templates there are: to one content for all Clusters
// on which they come out the same. Of most templates few texts come, a region, a tier;
// to read a text as YAML and to hash the options takes much longer than to render it.
// What is known are contents that somebody has: none is kept for its own sake.
func (v *Version) rendered(p *plan, inj *rules.Injected, on *subject) *Content {
	rendering, ok := p.values.rendering(on)
	if !ok {
		return v.content(p, inj, on)
	}
	key := renderedKey{p, inj, rendering}
	v.mu.Lock()
	have := v.mu.rendered[key].Value()
	v.mu.Unlock()
	if have != nil {
		return have
	}
	content := v.content(p, inj, on)
	if content.Failure != "" {
		return content // it names the Cluster
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if have := v.mu.rendered[key].Value(); have != nil {
		return have
	}
	if len(v.mu.rendered) >= v.mu.room {
		maps.DeleteFunc(v.mu.rendered, func(_ renderedKey, c weak.Pointer[Content]) bool { return c.Value() == nil })
		v.mu.room = max(maxRendered, 2*len(v.mu.rendered))
	}
	v.mu.rendered[key] = weak.Make(content)
	return content
}

// plan returns the plan of a match.
func (v *Version) plan(m targeting.Match) *plan {
	key := m.Key()
	v.mu.Lock()
	p, ok := v.mu.plans[key]
	if !ok {
		p = &plan{match: fmt.Sprint(m.Target, m.Customizations)}
		v.mu.plans[key] = p
	}
	v.mu.Unlock()
	p.once.Do(func() {
		p.prepare(v.spec, m)
		v.note(p)
		p.prepared.Store(true)
	})
	return p
}

// prepare merges the options of a match: those of the target, or in its place or
// on top of it those of the customizations (S 2.4), onto the Bundle's.
func (p *plan) prepare(spec *v1alpha1.BundleSpec, m targeting.Match) {
	custom := spec.Targets[m.Target].BundleDeploymentOptions
	for _, i := range m.Customizations {
		if spec.TargetCustomizationMode == v1alpha1.TargetCustomizationAllMatches {
			custom = merge(&custom, &spec.Targets[i].BundleDeploymentOptions)
		} else {
			custom = spec.Targets[i].BundleDeploymentOptions
		}
	}
	p.options = merge(&spec.BundleDeploymentOptions, &custom)
	p.options.Helm = normalizeHelm(p.options.Helm)
	p.values = newValues(p.options.Helm)
}

// subject returns a Cluster as a plan's templates see it, nil if they do not.
func (v *Version) subject(p *plan, c *v1alpha1.Cluster) *subject {
	labels := cleanLabels(c.Labels)
	if len(labels) == 0 {
		return nil
	}
	return &subject{cluster: c, facts: &v.facts, match: p.match, labels: labels, seesValues: p.values.seesValues}
}

// content evaluates a plan (S 3.3). Without a subject it is as merged.
func (v *Version) content(p *plan, inj *rules.Injected, on *subject) *Content {
	options := inj.Into(p.options)
	if on == nil {
		return newContent(v.facts.ManifestID, options)
	}
	// The order of S 3.3 shows in the hash: helm appears first, then its values.
	helm := v1alpha1.HelmOptions{}
	if options.Helm != nil {
		helm = *options.Helm
		data, err := p.values.evaluate(&helm, on)
		if err != nil {
			return &Content{Failure: fmt.Sprintf("cluster %s in namespace %s: %s", on.cluster.Name, on.cluster.Namespace, shortened(err))}
		}
		helm.Values = &v1alpha1.GenericMap{Data: data}
	}
	options.Helm = &helm
	return newContent(v.facts.ManifestID, options)
}

// maxFailure bounds the text of a failure, in bytes: it may quote what a template said,
// and each Cluster has one of its own.
const maxFailure = 2048

// shortened is the text of an error, fit for a condition.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxFailure {
		return text
	}
	return strings.ToValidUTF8(text[:maxFailure], "") + "..."
}
