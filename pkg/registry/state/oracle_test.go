// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// The naive twin of the engine: pkg/registry/doc.go and S 2, 5 and 8.1 written once more,
// from the records alone, everything against everything. It shares with the engine only what
// has oracles of its own: the content of a match, and the rendering. It remembers answers,
// but only of pure functions with all their arguments.

// answer holds what the records of one revision mean.
type answer struct {
	deployments map[record.Name]shown
	bundles     map[record.Name]*bundleAnswer
	// namespaces are the Clusters' namespaces for BundleDeployments.
	namespaces map[record.Name]string
	// claims are the UIDs of the claims to a name. The first one has it.
	claims map[record.Name][]types.UID
}

// bundleAnswer holds what the records mean for one Bundle.
type bundleAnswer struct {
	newest *naiveVersion
	// pending reports that the newest version is pinned. lastGood is then the version in the
	// pin, nil if it has none.
	pending  bool
	lastGood *naiveVersion
	// works reports whether the newest version fails nowhere, or only where a content is
	// pinned.
	works   bool
	inForce *naiveVersion
	// pairs are those of the version in force, by Cluster.
	pairs   map[record.Name]naivePair
	failure string
	// obstacle says which copies the first BundleDeployment lacks.
	obstacle string
}

type naivePair struct {
	cluster *naiveCluster
	// content is nil if it fails and nothing is pinned.
	content *derive.Content
	failure string
}

// shown is everything from which one BundleDeployment is made.
type shown struct {
	version   *naiveVersion
	cluster   *naiveCluster
	namespace string
	content   *derive.Content
	contents  shownContents
	report    *record.Report
	// downstream counts changes of copies.
	downstream int64
	// waits reports that the agent would look up a copy that is not held.
	waits bool
}

type naiveVersion struct {
	record  *record.Object
	bundle  *v1alpha1.Bundle
	derived *derive.Version
	broken  string
	// waits is the hash of the values that it needs and that are not mirrored.
	waits string
}

// naiveCluster is a Cluster with its status, decoded once for each value.
type naiveCluster struct {
	name   record.Name
	record *record.Object
	joined *v1alpha1.Cluster
}

// oracle remembers answers.
type oracle struct {
	t         testing.TB
	objects   map[string]*record.Object
	reports   map[string]*record.Report
	versions  map[string]*naiveVersion
	clusters  map[string]*naiveCluster
	selectors map[*metav1.LabelSelector]labels.Selector
	injected  map[string]*rules.Injected
	contents  map[any]*derive.Content
	rendered  map[shown]string
	// promotions are by their records.
	promotions map[string]*naivePromotion
}

func newOracle(t testing.TB) *oracle {
	return &oracle{
		t: t, objects: map[string]*record.Object{}, reports: map[string]*record.Report{},
		versions: map[string]*naiveVersion{}, clusters: map[string]*naiveCluster{},
		selectors: map[*metav1.LabelSelector]labels.Selector{}, injected: map[string]*rules.Injected{},
		contents: map[any]*derive.Content{}, rendered: map[shown]string{},
		promotions: map[string]*naivePromotion{},
	}
}

func remember[K comparable, V any](in map[K]V, key K, compute func() V) V {
	if v, ok := in[key]; ok {
		return v
	}
	v := compute()
	in[key] = v
	return v
}

func (o *oracle) object(resource, value string) *record.Object {
	return remember(o.objects, resource+"\n"+value, func() *record.Object {
		out, err := record.DecodeObject(resource, []byte(value))
		require.NoError(o.t, err)
		return out
	})
}

func (o *oracle) report(resource, value string) *record.Report {
	return remember(o.reports, resource+"\n"+value, func() *record.Report {
		out, err := record.DecodeReport(resource, []byte(value))
		require.NoError(o.t, err)
		return out
	})
}

// selects matches one selector with one label set. A selector that is nil or malformed
// selects nothing.
func (o *oracle) selects(s *metav1.LabelSelector, set map[string]string) bool {
	selector := remember(o.selectors, s, func() labels.Selector {
		out, err := metav1.LabelSelectorAsSelector(s)
		if err != nil {
			return labels.Nothing()
		}
		return out
	})
	return selector.Matches(labels.Set(set))
}

func (f *facts) version(value string) *naiveVersion {
	o := f.oracle
	r := o.object(record.Bundles, value)
	mirror := f.valuesFor(r.Object.(*v1alpha1.Bundle))
	return remember(o.versions, value+"\n"+mirror, func() *naiveVersion {
		b, waits, bad := o.withValues(r.Object.(*v1alpha1.Bundle), mirror)
		manifestID, _ := derive.EffectiveManifestID(&b.Spec, r.Content)
		v := &naiveVersion{record: r, bundle: b, waits: waits, derived: derive.NewVersion(b, derive.Facts{
			BundleUID: b.UID, Generation: b.Generation, ManifestID: manifestID, Seed: r.Seed, Time: r.Time,
		})}
		v.broken = cmp.Or(v.derived.Failure(), bad)
		if o.malformed(&b.Spec) {
			_, err := targeting.Compile(&b.Spec) // for its text
			require.Error(o.t, err)
			v.broken = "targeting error: " + err.Error()
		}
		return v
	})
}

func (o *oracle) malformed(spec *v1alpha1.BundleSpec) bool {
	bad := func(s *metav1.LabelSelector) bool {
		_, err := metav1.LabelSelectorAsSelector(s)
		return err != nil
	}
	return slices.ContainsFunc(spec.Targets, func(e v1alpha1.BundleTarget) bool {
		return bad(e.ClusterSelector) || bad(e.ClusterGroupSelector)
	}) || slices.ContainsFunc(spec.TargetRestrictions, func(e v1alpha1.BundleTargetRestriction) bool {
		return bad(e.ClusterSelector) || bad(e.ClusterGroupSelector)
	})
}

// facts are the records of one revision, decoded.
type facts struct {
	*oracle
	records map[record.Key]entryOf
	listed  map[listKey]any
}

type listKey struct{ resource, namespace string }

// all returns the objects of one resource, ordered by name. The namespace "" means all.
func all[T record.APIObject](f *facts, resource, namespace string) []T {
	return remember(f.listed, listKey{resource, namespace}, func() any { return list[T](f, resource, namespace) }).([]T)
}

func list[T record.APIObject](f *facts, resource, namespace string) []T {
	var keys []record.Key
	for key := range f.records {
		if key.Type == record.TypeObject && key.Resource == resource && (namespace == "" || key.Name.Namespace == namespace) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b record.Key) int { return a.Name.Compare(b.Name) })
	out := make([]T, len(keys))
	for i, key := range keys {
		out[i] = f.object(resource, f.records[key].value).Object.(T)
	}
	return out
}

// labelsOfNamespace returns the labels of a Namespace. One without a mirror has the label
// that all have.
func (f *facts) labelsOfNamespace(name string) map[string]string {
	e, ok := f.records[record.NamespaceKey(name)]
	if !ok {
		return map[string]string{"kubernetes.io/metadata.name": name}
	}
	var mirror record.Namespace
	require.NoError(f.t, json.Unmarshal(textOf(e.value), &mirror))
	return mirror.Labels
}

// scope computes S 2.5. The labels of the newest version count for every version.
func (f *facts) scope(newest *v1alpha1.Bundle, namespace string) bool {
	if namespace == newest.Namespace {
		return true
	}
	for _, m := range all[*v1alpha1.BundleNamespaceMapping](f, record.Mappings, newest.Namespace) {
		if m.BundleSelector != nil && m.NamespaceSelector != nil &&
			f.selects(m.BundleSelector, newest.Labels) && f.selects(m.NamespaceSelector, f.labelsOfNamespace(namespace)) {
			return true
		}
	}
	return false
}

// injection computes S 2.6.
func (f *facts) injection(b *v1alpha1.Bundle) *rules.Injected {
	var in rules.Injected
	if b.Labels["fleet.cattle.io/repo-name"] != "" {
		in.AllowedTargetNamespaceSelector = rules.MergeRestrictions(all[*v1alpha1.GitRepoRestriction](f, record.Restrictions, b.Namespace))
	}
	in.NoNamespaceCreation = rules.NewPolicySet(all[*v1alpha1.Policy](f, record.Policies, b.Namespace)).NoNamespaceCreation()
	text, err := json.Marshal(in)
	require.NoError(f.t, err)
	return remember(f.injected, string(text), func() *rules.Injected { return &in })
}

func (f *facts) gate(v *naiveVersion) string {
	b := v.bundle
	policies := rules.NewPolicySet(all[*v1alpha1.Policy](f, record.Policies, b.Namespace)).Gate(&b.Spec)
	if policies == "" && v.waits != "" {
		return "waiting for the Secret " + b.Namespace + "/" + b.Name + " of type fleet.cattle.io/bundle-values/v1alpha1, whose values have the hash " + v.waits
	}
	return policies
}

func (f *facts) cluster(name record.Name) *naiveCluster {
	object := f.records[record.ObjectKey(record.Clusters, name)].value
	report := f.records[record.ReportKey(record.Clusters, name)].value
	return remember(f.clusters, object+"\n"+report, func() *naiveCluster {
		c := &naiveCluster{name: name, record: f.object(record.Clusters, object)}
		c.joined = c.record.Object.DeepCopyObject().(*v1alpha1.Cluster)
		if report != "" {
			if r := f.report(record.Clusters, report); r.UID == c.joined.UID {
				c.joined.Status = r.Status.(*v1alpha1.Cluster).Status
			}
		}
		return c
	})
}

// namespaceOf computes S 8.1. It returns "" for a Cluster that can have no BundleDeployments.
func (c *naiveCluster) namespaceOf() string {
	if c.barred() != "" {
		return ""
	}
	return c.place()
}

func (c *naiveCluster) barred() string { return derive.BarredCluster(c.name.Name, c.place()) }

func (c *naiveCluster) place() string {
	switch {
	case c.joined.Status.Namespace != "":
		return c.joined.Status.Namespace
	case c.record.Namespace != "":
		return c.record.Namespace
	case c.joined.Labels["fleet.cattle.io/cluster-management"] != "":
		return ""
	}
	return names.ClusterNamespace(c.name.Namespace, c.name.Name)
}

// groups computes S 2.2.
func (f *facts) groups(c *naiveCluster) []*v1alpha1.ClusterGroup {
	return slices.DeleteFunc(slices.Clone(all[*v1alpha1.ClusterGroup](f, record.ClusterGroups, c.name.Namespace)), func(g *v1alpha1.ClusterGroup) bool {
		return g.Spec.Selector == nil || !f.selects(g.Spec.Selector, c.joined.Labels)
	})
}

// pinned returns the content that a Cluster's pins hold for a version.
func (f *facts) pinned(c *naiveCluster, v *naiveVersion) *derive.Content {
	value := f.records[record.ClusterPinsKey(c.name)].value
	if value == "" {
		return nil
	}
	type key struct {
		value   string
		version *naiveVersion
	}
	return remember(f.contents, any(key{value, v}), func() *derive.Content {
		var pins record.ClusterPins
		require.NoError(f.t, json.Unmarshal(textOf(value), &pins))
		for _, pin := range pins.Pins {
			if pin.BundleUID == v.bundle.UID && pin.Generation == v.bundle.Generation {
				return derive.Pinned(pin.ManifestID, pin.Options)
			}
		}
		return nil
	})
}

// pair returns one version on one Cluster. It reports false if the version does not target
// the Cluster.
func (f *facts) pair(v *naiveVersion, newest *v1alpha1.Bundle, c *naiveCluster) (naivePair, bool) {
	if c.barred() != "" || c.joined.DeletionTimestamp != nil || !f.targets(v, newest, c) {
		return naivePair{}, false
	}
	match, ok := f.resolve(&v.bundle.Spec, c)
	if !ok {
		return naivePair{}, false
	}
	in := f.injection(v.bundle)
	type key struct {
		version *naiveVersion
		match   targeting.Key
		in      *rules.Injected
		cluster *naiveCluster
	}
	content := remember(f.contents, any(key{v, match.Key(), in, c}), func() *derive.Content {
		return v.derived.Content(match, in, c.joined)
	})
	if content.Failure != "" {
		return naivePair{c, f.pinned(c, v), content.Failure}, true
	}
	return naivePair{c, content, ""}, true
}

// targets reports whether a version targets a Cluster, barred or not.
func (f *facts) targets(v *naiveVersion, newest *v1alpha1.Bundle, c *naiveCluster) bool {
	if v.broken != "" || newest.DeletionTimestamp != nil || len(newest.Name) > 63 || !f.scope(newest, c.name.Namespace) {
		return false
	}
	_, ok := f.resolve(&v.bundle.Spec, c)
	return ok
}

// names returns the names of a resource's objects, in order.
func (f *facts) names(resource string) []record.Name {
	var out []record.Name
	for key := range f.records {
		if key.Type == record.TypeObject && key.Resource == resource {
			out = append(out, key.Name)
		}
	}
	slices.SortFunc(out, record.Name.Compare)
	return out
}
