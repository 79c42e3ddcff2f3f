// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/invariants"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/index"
	"github.com/musterfleet/muster/pkg/registry/ledger"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/rules"
	"github.com/musterfleet/muster/pkg/registry/state/undecodable"
	"github.com/musterfleet/muster/pkg/registry/targeting"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// State is everything that follows from the records at one revision.
type State struct {
	revision int64 // the one that was applied last
	// guards are the revisions at which the guards were last written.
	guards  map[record.Key]int64
	builder *view.Builder

	clusters map[record.Name]*cluster
	groups   map[record.Name]*group
	bundles  map[record.Name]*bundle
	// byNamespace finds what an edit of a namespace's rules affects.
	byNamespace map[string]*namespace
	// hidden are the reports that no BundleDeployment shows.
	hidden hiddenReports
	// orphans are the reports on objects that do not exist, by the keys of the reports.
	orphans map[record.Key]orphan
	// bundlePins and clusterPins are pins, by the name of their Bundle or Cluster.
	bundlePins  map[record.Name]storedPin[record.BundlePin]
	clusterPins map[record.Name]storedPin[record.ClusterPins]
	ledger      *ledger.Ledger
	// contested are the BundleDeployment names that several pairs claim. holders are the
	// holder records of all names.
	contested map[record.Name]map[claim]struct{}
	holders   map[record.Name]storedPin[record.Holder]

	index   indexes
	mirrors mirrors
	holds   holds

	// memo keeps contents that took long to evaluate. planned keeps the versions that plans
	// have evaluated and that may be applied later.
	memo    *derive.Memo
	planned *plannedVersions

	// evaluated counts how often a bundle was evaluated on a cluster. It measures the work of
	// edits.
	evaluated int
	// exhaustive makes the state ask no index: all Bundles are evaluated on all Clusters.
	exhaustive  bool
	undecodable undecodable.Records
	// writer checks that only one goroutine applies. published checks that nothing writes to
	// what views hold.
	writer    invariants.Writer
	published invariants.Frozen
	// exactGuards is how many guards of single records a plan may have before it guards
	// ranges.
	exactGuards int
}

// indexes find what an edit of a cluster or group can change.
type indexes struct {
	// clusters finds the clusters that an entry matches, by augmented labels.
	clusters *index.Items[*cluster]
	// entries finds the bundle entries that a cluster's edit flips.
	entries *index.Selectors[entry]
	// groupEntries finds the entries that select groups by labels.
	groupEntries *index.Selectors[entry]
	// groups finds the groups of a cluster, by its labels.
	groups *index.Selectors[*group]
	// readers finds the versions whose templates read what a cluster's edit changes.
	readers readers
}

// entry is one selector of one entry of a bundle version.
type entry struct {
	version *version
	number  int
	// alternative distinguishes the selectors of one entry.
	alternative int
}

// namespace holds what is known of one namespace.
type namespace struct {
	// labels is nil while the namespace has no mirror. mirrored is the revision of the
	// mirror, 0 if it has none.
	labels   map[string]string
	mirrored int64
	bundles  map[*bundle]struct{}
	clusters map[*cluster]struct{}
	mappings map[string]*mapping

	// These follow from restrictions and policies, for Bundles that a GitRepo made and for
	// others. The pointers change only when the values do.
	policy     rules.PolicySet
	repos      rules.RepoRules
	ofGitRepo  *rules.Injected
	ofAnything *rules.Injected
}

// mapping is a compiled BundleNamespaceMapping. It is inert if a selector is missing or
// malformed (S 2.5).
type mapping struct {
	bundles, namespaces index.Selector
	inert               bool
}

type cluster struct {
	name      record.Name
	object    *v1alpha1.Cluster // without its status
	targeting targeting.Cluster
	augmented map[string]string
	face      *view.ClusterFace
	// pairs are the bundles that have a version which targets the cluster, or would target it
	// if it were not barred.
	pairs map[*bundle]struct{}
	// perCluster are the bundles in pairs whose content depends on the cluster, or fails.
	perCluster map[*bundle]struct{}
	pins       map[pinKey]*derive.Content
	// barred says why the cluster can have no BundleDeployments, "" if it can.
	barred string
	roll   *ledger.Cluster
}

// pinKey names the bundle version that a pin of a cluster is for.
type pinKey struct {
	bundle     types.UID
	generation int64
}

type group struct {
	name     record.Name
	labels   map[string]string
	selector index.Selector
	// filed reports whether the selector is valid and in the index.
	filed bool
	// failure says why the selector is malformed.
	failure string
}

type bundle struct {
	name   record.Name
	newest *version
	pin    *record.BundlePin
	// fallback is the last version that worked, while the newest version is pinned; nil if no
	// version worked.
	fallback *version
	// rollout is the rollout record, nil if the bundle has none. base is its base.
	rollout *record.Rollout
	base    *version
	// fallback and base were decoded from these records.
	fallbackRecord, baseRecord []byte
	// mappings select the further namespaces in scope (S 2.5).
	mappings []index.Selector
	// relabelled is set while a write of a Namespace's labels is planned.
	relabelled *relabelled
	// barred are the clusters that the newest version targets but that can have no
	// BundleDeployments.
	barred map[*cluster]struct{}
	// lost are the names that other claims hold, with their holders (design.md §8).
	lost map[record.Name]string
	// obstacles say why copies for its BundleDeployments are incomplete; nil if all are
	// complete.
	obstacles map[record.Name]string
	roll      *ledger.Bundle
}

// pending reports whether the newest version failed when it was written.
func (b *bundle) pending() bool { return b.pin != nil }

// versions returns the versions that have pairs.
func (b *bundle) versions() []*version {
	return slices.DeleteFunc([]*version{b.newest, b.fallback, b.base}, func(v *version) bool { return v == nil })
}

// relabelled holds the labels that a Namespace would have.
type relabelled struct {
	namespace string
	labels    map[string]string
}

// version is one compiled version of a Bundle.
type version struct {
	of      *bundle
	record  *record.Object
	bundle  *v1alpha1.Bundle
	derived *derive.Version
	// filed is how many of its reads are in the index.
	filed int
	// targets is nil if the targets do not compile, or if nothing can be derived from the
	// version. broken then says why.
	targets *targeting.Targets
	broken  string
	// waits names the values that the version needs and that are missing.
	waits string
	// limited reports whether the strategy can hold something back.
	limited bool
	face    *view.BundleFace
	pairs   map[*cluster]*pair
	// alike are pairs that many clusters share: those whose content depends only on the
	// match.
	alike map[likeness]*pair
	// failures are the texts of the pairs that fail.
	failures map[*cluster]string
	// unpinned counts the failures that have no pin.
	unpinned int
}

// pair is a version on a cluster that it targets. It is immutable.
type pair struct {
	match targeting.Match
	// content is nil if it fails and no content is pinned.
	content *derive.Content
}

// likeness distinguishes the pairs of one version.
type likeness struct {
	match   targeting.Key
	content *derive.Content
}

// New returns an empty state, whose views remember as many changes as the limits allow. It
// reuses what planner has evaluated, and counts in passedOver the records that cannot be
// decoded. Both may be nil.
func New(history view.Limits, planner *Planner, passedOver *atomic.Int64) *State {
	s := &State{
		memo:        derive.NewMemo(),
		planned:     &plannedVersions{},
		builder:     view.NewBuilder(history),
		guards:      map[record.Key]int64{},
		clusters:    map[record.Name]*cluster{},
		groups:      map[record.Name]*group{},
		bundles:     map[record.Name]*bundle{},
		byNamespace: map[string]*namespace{},
		hidden:      newHiddenReports(),
		orphans:     map[record.Key]orphan{},
		bundlePins:  map[record.Name]storedPin[record.BundlePin]{},
		clusterPins: map[record.Name]storedPin[record.ClusterPins]{},
		contested:   map[record.Name]map[claim]struct{}{},
		holders:     map[record.Name]storedPin[record.Holder]{},
		mirrors:     newMirrors(),
		holds:       newHolds(),
		exactGuards: exactGuards,
		index: indexes{
			clusters:     index.NewItems[*cluster](),
			entries:      index.NewSelectors[entry](),
			groupEntries: index.NewSelectors[entry](),
			groups:       index.NewSelectors[*group](),
			readers:      readers{},
		},
	}
	if planner != nil {
		s.planned = &planner.planned
	}
	s.undecodable.Total = passedOver
	s.ledger = ledger.New(s.builder, func(repo *v1alpha1.GitRepo) bool { return s.peek(repo.Namespace).repos.Allow(&repo.Spec) })
	return s
}

// namespace returns what is known of a namespace. It creates an entry if none exists.
func (s *State) namespace(name string) *namespace {
	ns, ok := s.byNamespace[name]
	if !ok {
		ns = &namespace{
			bundles:    map[*bundle]struct{}{},
			clusters:   map[*cluster]struct{}{},
			mappings:   map[string]*mapping{},
			ofGitRepo:  &rules.Injected{},
			ofAnything: &rules.Injected{},
		}
		s.byNamespace[name] = ns
	}
	return ns
}

// unknown is a namespace of which nothing is known.
var unknown = &namespace{ofGitRepo: &rules.Injected{}, ofAnything: &rules.Injected{}}

// peek returns what is known of a namespace, for callers that only read. It creates no entry.
func (s *State) peek(name string) *namespace {
	if ns, ok := s.byNamespace[name]; ok {
		return ns
	}
	return unknown
}

// labelsOf returns a namespace's labels. A namespace without a mirror counts as existing, and
// carries only the label that every namespace has.
func (s *State) labelsOf(name string) map[string]string {
	if ns, ok := s.byNamespace[name]; ok && ns.labels != nil {
		return ns.labels
	}
	return ownLabels(name)
}

// ownLabels returns the labels of a Namespace to which no label was added.
func ownLabels(name string) map[string]string {
	return map[string]string{"kubernetes.io/metadata.name": name}
}

// inScope reports whether a bundle may target clusters of a namespace (S 2.5).
func (s *State) inScope(b *bundle, namespace string) bool {
	if namespace == b.name.Namespace {
		return true
	}
	if len(b.mappings) == 0 {
		return false
	}
	if b.relabelled != nil && b.relabelled.namespace == namespace {
		return b.selects(b.relabelled.labels)
	}
	return b.selects(s.labelsOf(namespace))
}

// injectedInto returns what GitRepoRestrictions and Policies add to a version (S 2.6).
func (s *State) injectedInto(v *version) *rules.Injected {
	ns := s.peek(v.of.name.Namespace)
	if v.bundle.Labels[v1alpha1.LabelRepoName] != "" {
		return ns.ofGitRepo
	}
	return ns.ofAnything
}

// storedPin is a pin with the revision of its record.
type storedPin[T any] struct {
	pin      *T
	revision int64
}

// memberOf returns a function that reports whether a set has a member.
func memberOf[T comparable](set map[T]struct{}) func(T) bool {
	return func(member T) bool { _, ok := set[member]; return ok }
}

// setMember adds a member to a set, or removes it.
func setMember[T comparable](set map[T]struct{}, member T, in bool) {
	if in {
		set[member] = struct{}{}
	} else {
		delete(set, member)
	}
}

// parallel calls do with all numbers below n, several at a time and in any order.
func parallel(n int, do func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	workqueue.ParallelizeUntil(context.Background(), workers, n, do, workqueue.WithChunkSize(max(1, min(n/(4*workers), 64))))
}
