// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"runtime"
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

// State is all that follows from the records at one revision. The package comment draws it.
type State struct {
	// revision is the last one applied.
	revision int64
	// guards are the revisions at which the guards were last written.
	guards  map[record.Key]int64
	builder *view.Builder

	clusters map[record.Name]*cluster
	groups   map[record.Name]*group
	bundles  map[record.Name]*bundle
	// byNamespace finds what an edit of a namespace's rules concerns.
	byNamespace map[string]*namespace
	// hidden are the reports on BundleDeployments that none shows.
	hidden hiddenReports
	// orphans are reports on objects that are not there.
	orphans map[objectKey]orphan
	// pins by the name of the Bundle or Cluster that they are of.
	bundlePins  map[record.Name]storedPin[record.BundlePin]
	clusterPins map[record.Name]storedPin[record.ClusterPins]
	// ledger keeps the roll-ups.
	ledger *ledger.Ledger
	// contested are the BundleDeployment names that more than one pair claims, and
	// holders the holder records of any names.
	contested map[record.Name]map[claim]struct{}
	holders   map[record.Name]storedPin[record.Holder]

	index   indexes
	mirrors mirrors
	holds   holds

	// memo keeps contents that took long to evaluate, and planned the versions that
	// plans have evaluated and that may come to be applied.
	memo    *derive.Memo
	planned *plannedVersions

	// evaluated counts the bundles evaluated on a cluster so far: the measure of
	// the work that edits make.
	evaluated int
	// exhaustive states ask no index: all Bundles are evaluated on all Clusters.
	exhaustive bool
	// undecodable are the records that were passed over.
	undecodable undecodable.Records
	// writer sees that one goroutine applies, and published that nothing writes to what
	// views hold.
	writer    invariants.Writer
	published invariants.Frozen
	// exactGuards is how many guards a plan may have before it guards ranges.
	exactGuards int
}

// indexes answer, for clusters and groups, what an edit can change.
type indexes struct {
	// clusters finds the clusters that an entry matches; over augmented labels.
	clusters *index.Items[*cluster]
	// entries finds the bundle entries that a cluster's edit flips.
	entries *index.Selectors[entry]
	// groupEntries finds the entries that select groups by labels.
	groupEntries *index.Selectors[entry]
	// groups finds the groups of a cluster, by its labels.
	groups *index.Selectors[*group]
	// readers finds the versions whose templates a cluster's edit concerns.
	readers readers
}

// entry is one selector of one entry of a bundle version.
type entry struct {
	version *version
	number  int
	// alternative tells the selectors of one entry apart.
	alternative int
}

// namespace is what is known of one namespace.
type namespace struct {
	// labels is nil until a mirror says what they are; mirrored is the revision of
	// the mirror, 0 if there is none.
	labels   map[string]string
	mirrored int64
	bundles  map[*bundle]struct{}
	clusters map[*cluster]struct{}
	mappings map[string]*mapping

	// What follows from restrictions and policies, for Bundles that a GitRepo
	// made and for others. The pointers change only when the values do.
	policy     rules.PolicySet
	repos      rules.RepoRules
	ofGitRepo  *rules.Injected
	ofAnything *rules.Injected
}

// mapping is a BundleNamespaceMapping, compiled. One with a selector missing or
// malformed is inert (S 2.5).
type mapping struct {
	bundles, namespaces index.Selector
	inert               bool
}

// cluster is a Cluster.
type cluster struct {
	name record.Name
	// object is the Cluster without its status: that of its record.
	object    *v1alpha1.Cluster
	targeting targeting.Cluster
	augmented map[string]string
	face      *view.ClusterFace
	// pairs are the bundles of which some version targets the cluster, or would if
	// it were not barred.
	pairs map[*bundle]struct{}
	// perCluster are those of them whose content depends on the cluster, or fails.
	perCluster map[*bundle]struct{}
	pins       map[pinKey]*derive.Content
	// barred says why the cluster can have no BundleDeployments; "" if it can.
	barred string
	roll   *ledger.Cluster
}

// pinKey names the bundle version that a cluster's pin is for.
type pinKey struct {
	bundle     types.UID
	generation int64
}

// group is a ClusterGroup.
type group struct {
	name     record.Name
	labels   map[string]string
	selector index.Selector
	// filed tells that the selector is valid and in the index.
	filed bool
	// failure says why it is malformed.
	failure string
}

// bundle is a Bundle.
type bundle struct {
	name   record.Name
	newest *version
	pin    *record.BundlePin
	// fallback is the last version that worked, while the pin is of the newest
	// version; nil if there was none.
	fallback *version
	// fallbackRecord is what fallback was decoded from.
	fallbackRecord []byte
	// rollout is the rollout record, and base its base; nil if there is none.
	rollout *record.Rollout
	base    *version
	// baseRecord is what base was decoded from.
	baseRecord []byte
	// mappings select further namespaces (S 2.5).
	mappings []index.Selector
	// relabelled is set while a write of a Namespace's labels is planned.
	relabelled *relabelled
	// barred are the clusters that the newest version targets and that can have no
	// BundleDeployments.
	barred map[*cluster]struct{}
	// lost are the names that other claims hold (design.md §8).
	lost map[record.Name]string
	// obstacles are why copies of its BundleDeployments are incomplete; nil if none is.
	obstacles map[record.Name]string
	roll      *ledger.Bundle
}

// pending tells whether the newest version failed when it was written.
func (b *bundle) pending() bool { return b.pin != nil }

// versions are the versions that have pairs.
func (b *bundle) versions() []*version {
	out := make([]*version, 1, 3)
	out[0] = b.newest
	for _, other := range []*version{b.fallback, b.base} {
		if other != nil {
			out = append(out, other)
		}
	}
	return out
}

// version is one version of a Bundle, compiled.
type version struct {
	of      *bundle
	record  *record.Object
	bundle  *v1alpha1.Bundle
	derived *derive.Version
	// filed is how many of its reads are in the index.
	filed int
	// targets is nil if they do not compile; broken says why, or why nothing
	// can be derived from the version at all.
	targets *targeting.Targets
	broken  string
	// waits says which values the version cannot do without, and that are not there.
	waits string
	// limited tells that the strategy can hold something back.
	limited bool
	face    *view.BundleFace
	pairs   map[*cluster]*pair
	// alike are pairs that many clusters share: those whose content goes by the match.
	alike map[likeness]*pair
	// failures are the pairs that fail, with the text of each.
	failures map[*cluster]string
	// unpinned counts the failures for which there is no pin.
	unpinned int
}

// pair is a version on a cluster that it targets. It is immutable.
type pair struct {
	match targeting.Match
	// content is nil if it fails and there is no pin.
	content *derive.Content
}

// likeness is what tells the pairs of one version apart.
type likeness struct {
	match   targeting.Key
	content *derive.Content
}

// New returns an empty state, whose views remember as many changes as the limits allow. It
// uses what a planner has evaluated already, unless that is nil, and counts in a total
// the records that cannot be decoded, unless that is nil.
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
		orphans:     map[objectKey]orphan{},
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

// namespace returns what is known of a namespace, making room for it if needed.
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

// peek is namespace for whoever only reads.
func (s *State) peek(name string) *namespace {
	if ns, ok := s.byNamespace[name]; ok {
		return ns
	}
	return unknown
}

// labelsOf are a namespace's labels. One that no mirror tells of exists by being
// used, and carries the label that every namespace has.
func (s *State) labelsOf(name string) map[string]string {
	if ns, ok := s.byNamespace[name]; ok && ns.labels != nil {
		return ns.labels
	}
	return ownLabels(name)
}

// ownLabels are those of a Namespace that nobody labelled.
func ownLabels(name string) map[string]string {
	return map[string]string{"kubernetes.io/metadata.name": name}
}

// inScope tells whether a bundle may target clusters of a namespace (S 2.5).
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

// injectedInto is what GitRepoRestrictions and Policies add to a version (S 2.6).
func (s *State) injectedInto(v *version) *rules.Injected {
	ns := s.peek(v.of.name.Namespace)
	if v.bundle.Labels[v1alpha1.LabelRepoName] != "" {
		return ns.ofGitRepo
	}
	return ns.ofAnything
}

// storedPin is a pin and the revision of its record.
type storedPin[T any] struct {
	pin      *T
	revision int64
}

// setMember puts a member into a set, or takes it out.
func setMember[T comparable](set map[T]struct{}, member T, in bool) {
	if in {
		set[member] = struct{}{}
	} else {
		delete(set, member)
	}
}

// parallel calls do with all numbers below n, several at a time and in no order.
func parallel(n int, do func(i int)) {
	workers := runtime.GOMAXPROCS(0)
	workqueue.ParallelizeUntil(context.Background(), workers, n, do, workqueue.WithChunkSize(max(1, min(n/(4*workers), 64))))
}
