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

// Facts holds what a Version depends on besides the Bundle's spec.
type Facts struct {
	BundleUID  types.UID
	Generation int64
	// ManifestID is the effective manifest ID (EffectiveManifestID).
	ManifestID string
	// Seed and Time replace randomness and the clock in templates.
	Seed []byte
	Time time.Time
	// Memo keeps what takes long to evaluate; nil keeps nothing. It changes no result.
	Memo *Memo
}

// Version is one version of a Bundle: its spec, prepared for use on Clusters. It keeps what
// it computes once, so it grows with the number of different matches, not with the number
// of Clusters.
type Version struct {
	spec    *v1alpha1.BundleSpec
	facts   Facts
	failure string
	// costly says that a content took long to evaluate.
	costly atomic.Bool
	// weighed guards isHeavy.
	weighed sync.Once
	isHeavy bool

	mu struct {
		sync.Mutex
		plans    map[targeting.Key]*plan
		contents map[contentKey]*Content
		// rendered holds contents that depend on the Cluster and are the same on many.
		rendered map[renderedKey]weak.Pointer[Content]
		// room is how many of them it may hold before it drops those that are no longer in
		// use.
		room int
		// reads are the reads of all plans.
		reads []Read
	}
}

// renderedKey identifies contents whose templates rendered the same.
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

// plan holds what a match of the Version means on any Cluster.
type plan struct {
	// Each plan has its own once, so that two matches do not wait for each other.
	once sync.Once
	// prepared says that once is done.
	prepared atomic.Bool

	options v1alpha1.BundleDeploymentOptions
	values  *values
	match   string
}

// NewVersion prepares a Bundle's spec, which must not change afterwards. It is cheap: a
// match is prepared when it first occurs.
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

// Content returns what the version means on a Cluster that it matches through m. If it does
// not depend on the Cluster, all Clusters with the same match and the same pointer inj get
// one pointer; those without labels get another one.
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

// maxContents bounds how many contents the version keeps when injections change.
const maxContents = 64

// forget drops the contents for injections other than inj once many exist.
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

// maxRendered is the least number of contents in rendered at which unused ones are dropped.
const maxRendered = 64

// memoized returns the rendered content. Once some content of the version took long, it
// looks in the Memo first. It keeps what took long. A cheap version pays nothing for it.
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

// rendered evaluates a plan whose templates depend on the Cluster. All Clusters on which they
// render the same share one content. Most templates render few different texts, such
// as a region or a tier, and rendering is much cheaper than reading the text as YAML and
// hashing the options. The version holds these contents only weakly, so it keeps none
// alive.
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

// prepare merges the options of a match onto the Bundle's. Customizations replace the
// options of the target, or are merged onto them (S 2.4).
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

// subject returns a Cluster as a plan's templates see it, nil if they do not see it.
func (v *Version) subject(p *plan, c *v1alpha1.Cluster) *subject {
	labels := cleanLabels(c.Labels)
	if len(labels) == 0 {
		return nil
	}
	return &subject{cluster: c, facts: &v.facts, match: p.match, labels: labels, seesValues: p.values.seesValues}
}

// content evaluates a plan (S 3.3). Without a subject, the options remain as merged.
func (v *Version) content(p *plan, inj *rules.Injected, on *subject) *Content {
	options := inj.Into(p.options)
	if on == nil {
		return newContent(v.facts.ManifestID, options)
	}
	// The order of S 3.3 shows in the hash: first helm is created, then its values.
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

// maxFailure bounds the text of a failure, in bytes. It may quote what a template wrote,
// and each Cluster has its own.
const maxFailure = 2048

// shortened returns the text of an error, short enough for a condition.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxFailure {
		return text
	}
	return strings.ToValidUTF8(text[:maxFailure], "") + "..."
}
