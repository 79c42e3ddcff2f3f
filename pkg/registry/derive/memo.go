// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// Memo keeps contents of many versions that took long to evaluate, because the same ones
// are needed again soon: a write is planned, perhaps more than once, before it is applied.
// It drops the oldest first. It changes no content, only the time that a content takes.
type Memo struct {
	mu struct {
		sync.Mutex
		contents map[memoKey]*Content
		// order lists the contents, oldest first.
		order []memoKey
		bytes int
	}
}

// These bound a Memo.
const (
	maxMemo      = 4096
	maxMemoBytes = 64 << 20
	// costlyUnits is the work above which a content is worth keeping.
	costlyUnits = 5_000
)

// memoKey holds everything that determines a content.
type memoKey struct {
	version  *Version
	plan     *plan
	injected *rules.Injected
	seen     [sha256.Size]byte
}

// NewMemo returns an empty Memo.
func NewMemo() *Memo {
	m := &Memo{}
	m.mu.contents = map[memoKey]*Content{}
	return m
}

func (m *Memo) get(key memoKey) *Content {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.contents[key]
}

func (m *Memo) put(key memoKey, c *Content) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.mu.contents[key]; ok {
		return
	}
	m.mu.contents[key] = c
	m.mu.order = append(m.mu.order, key)
	m.mu.bytes += c.weight()
	for len(m.mu.order) > maxMemo || m.mu.bytes > maxMemoBytes {
		oldest := m.mu.order[0]
		m.mu.bytes -= m.mu.contents[oldest].weight()
		delete(m.mu.contents, oldest)
		m.mu.order = m.mu.order[1:]
	}
}

// weight estimates the memory that a content takes, in bytes.
func (c *Content) weight() int { return 1024 + 4*c.size + len(c.Failure) }

func (v *Version) memoKey(p *plan, inj *rules.Injected, on *subject) memoKey {
	c := on.cluster
	seen := struct {
		Namespace, Name string
		UID             types.UID
		Labels          map[string]any
		Annotations     map[string]any
		Values          *v1alpha1.GenericMap
	}{c.Namespace, c.Name, c.UID, on.labels, cleanAnnotations(c.Annotations), nil}
	if on.seesValues {
		seen.Values = c.Spec.TemplateValues
	}
	text, err := json.Marshal(seen)
	if err != nil {
		// All of it came from JSON.
		panic(fmt.Sprintf("derive: no JSON of what templates see of a Cluster: %v", err))
	}
	return memoKey{v, p, inj, sha256.Sum256(text)}
}

// Values above heavyEntries or heavyBytes take long to prepare.
const (
	heavyEntries = 2_000
	heavyBytes   = 64 << 10
)

// heavy reports whether preparing a match of the version may take more than a few
// milliseconds.
func (v *Version) heavy() bool {
	v.weighed.Do(func() {
		entries, bytes := 0, 0
		note := func(helm *v1alpha1.HelmOptions) {
			if helm == nil || v.isHeavy {
				return
			}
			if helm.Values != nil {
				e := extentOf(helm.Values.Data)
				entries, bytes = entries+e.entries, bytes+e.bytes
			}
			for _, text := range helm.TemplateValues {
				entries, bytes = entries+1, bytes+len(text)
			}
			v.isHeavy = entries > heavyEntries || bytes > heavyBytes
		}
		note(v.spec.Helm)
		for i := range v.spec.Targets {
			note(v.spec.Targets[i].Helm)
		}
	})
	return v.isHeavy
}

// Known reports whether Content of a match takes at most a few milliseconds, because the
// content is known or the version is cheap. If unsure, it returns true.
func (v *Version) Known(m targeting.Match, inj *rules.Injected, c *v1alpha1.Cluster) bool {
	v.mu.Lock()
	p, ok := v.mu.plans[m.Key()]
	v.mu.Unlock()
	if !ok || !p.prepared.Load() {
		return !v.heavy()
	}
	labelled := HasTemplateLabels(c.Labels)
	if !labelled || p.values.err == nil && !p.values.perCluster() {
		v.mu.Lock()
		_, ok := v.mu.contents[contentKey{m.Key(), inj, labelled}]
		v.mu.Unlock()
		return ok || !v.heavy()
	}
	if !v.costly.Load() {
		return true
	}
	return v.facts.Memo.get(v.memoKey(p, inj, v.subject(p, c))) != nil
}

// Heavy reports whether the version has turned out to be slow, to prepare or on some
// Cluster.
func (v *Version) Heavy() bool { return v.costly.Load() || v.heavy() }

// Costly reports whether some content of the version took long to evaluate.
func (v *Version) Costly() bool { return v.costly.Load() }
