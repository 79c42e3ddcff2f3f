// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/storage"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/fair"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// GetList implements storage.Interface.
func (s *Store) GetList(ctx context.Context, key string, opts storage.ListOptions, list runtime.Object) error {
	at, err := s.parse(key, opts.Recursive)
	if err != nil {
		return err
	}
	exact, startKey, err := storage.ValidateListOptions(at.key, s.APIObjectVersioner, opts)
	if err != nil {
		return err
	}
	if in := at.name.Namespace; in != "" && strings.HasPrefix(startKey, at.key+in+"/") {
		// Earlier versions made tokens relative to the resource in every scope.
		return s.expiredContinue(at, at.key)
	}
	resourceVersion := opts.ResourceVersion
	if opts.Predicate.Continue != "" {
		resourceVersion = "" // the token names the revision; without one, the list is of the current state
	}
	v, err := s.viewAt(ctx, resourceVersion, exact)
	switch {
	case apierrors.IsResourceExpired(err) && startKey != "":
		return s.expiredContinue(at, startKey)
	case err != nil:
		return err
	}
	if err := s.complete(v, at); err != nil {
		return err
	}
	if at.name.Namespace == "" {
		if err := fair.Of(ctx).Walk(ctx, v.Len(s.resource.Resource)); err != nil {
			return err
		}
	}
	page := s.page(v, at, startKey, &opts.Predicate)
	err = s.renderList(ctx, page.items, list)
	switch {
	case apierrors.IsResourceExpired(err) && startKey != "":
		return s.expiredContinue(at, startKey)
	case err != nil:
		return err
	}
	token, remaining, err := s.continueToken(v, at, page, opts)
	if err != nil {
		return err
	}
	return s.UpdateList(list, s.numberAt(v.Revision), token, remaining)
}

// page holds the part of a list that is sent at once.
type page struct {
	items []view.Item
	more  bool
	// rest is how many objects follow, counted only if the list has no selector.
	rest int64
}

func (s *Store) page(v *view.View, at scope, startKey string, predicate *storage.SelectionPredicate) page {
	var out page
	start := s.start(at, startKey, predicate)
	here := place{v.State(s.resource.Resource), at.name.Namespace, start}
	all, counted := s.remaining.get(here)
	if here.namespace == "" && start == (record.Name{}) {
		all, counted = int64(v.Len(s.resource.Resource)), true
	}
	for item := range s.candidates(v, at, start, predicate) {
		if predicate.Limit > 0 && int64(len(out.items)) == predicate.Limit {
			out.more = true
			if !predicate.Empty() || counted {
				break // with a selector, the next page finds out whether more follow
			}
			out.rest++
		} else if matches(predicate, item) {
			out.items = append(out.items, item)
		}
	}
	if out.more && predicate.Empty() {
		if counted {
			out.rest = all - int64(len(out.items))
		}
		next := out.items[len(out.items)-1].Name()
		next.Name += "\x00" // where the continue token continues
		s.remaining.put(place{here.state, here.namespace, next}, out.rest)
	}
	return out
}

func (s *Store) continueToken(v *view.View, at scope, p page, opts storage.ListOptions) (string, *int64, error) {
	if !p.more {
		return "", nil, nil
	}
	last := p.items[len(p.items)-1].Name()
	token, remaining, err := storage.PrepareContinueToken(s.key(last), at.key, int64(s.numberAt(v.Revision)), p.rest+opts.Predicate.Limit, true, opts)
	if err != nil {
		return "", nil, fmt.Errorf("continue after %s: %w", last, err)
	}
	return token, remaining, nil
}

// start returns the name at which a list starts.
//
// When a list of all namespaces selects one namespace, the registry narrows it to that
// namespace, but only on the first page (storage.SelectionPredicate.MatchesSingleNamespace
// refuses a list that continues). So the token of that page is relative to the namespace,
// and comes back in a list of all namespaces. Such a token has no namespace in it.
func (s *Store) start(at scope, startKey string, predicate *storage.SelectionPredicate) record.Name {
	if startKey == "" {
		return at.name
	}
	namespace, name, namespaced := strings.Cut(strings.TrimPrefix(startKey, s.prefix()), "/")
	from := record.Name{Namespace: namespace, Name: name}
	if selected, ok := oneNamespace(predicate); ok && !namespaced {
		from = record.Name{Namespace: selected, Name: namespace}
	}
	if from.Compare(at.name) < 0 {
		return at.name // a token of another scope starts this one at its beginning
	}
	return from
}

// candidates iterates, in order, over the items of a scope that may be selected. It uses
// the narrowest order that the predicate allows.
func (s *Store) candidates(v *view.View, at scope, from record.Name, predicate *storage.SelectionPredicate) iter.Seq[view.Item] {
	if namespace, ok := oneNamespace(predicate); ok && at.name.Namespace == "" {
		at.name.Namespace = namespace
		if from.Compare(at.name) < 0 {
			from = at.name
		}
	}
	source := v.All(s.resource.Resource, from)
	if s.resource.Resource == record.BundleDeployments && !at.single {
		if bundle, ok := selected(predicate, v1alpha1.LabelBundleNamespace, v1alpha1.LabelBundleName); ok {
			source = v.OfBundle(bundle)
		} else if cluster, ok := selected(predicate, v1alpha1.LabelClusterNamespace, v1alpha1.LabelCluster); ok {
			at.name.Namespace, source = narrow(v, cluster, at, from, source)
		}
	}
	return func(yield func(view.Item) bool) {
		for item := range source {
			name := item.Name()
			switch {
			case name.Compare(from) < 0:
				continue
			case at.single && name != at.name, at.name.Namespace != "" && name.Namespace > at.name.Namespace:
				return
			case at.name.Namespace != "" && name.Namespace != at.name.Namespace:
				continue
			}
			if !yield(item) {
				return
			}
		}
	}
}

// oneNamespace returns the namespace that a field selector requires.
func oneNamespace(predicate *storage.SelectionPredicate) (string, bool) {
	if predicate.Field == nil {
		return "", false
	}
	return predicate.Field.RequiresExactMatch("metadata.namespace")
}

// narrow restricts a list of BundleDeployments to the namespace of one Cluster. No other
// namespace has any of that Cluster.
func narrow(v *view.View, cluster record.Name, at scope, from record.Name, source iter.Seq[view.Item]) (string, iter.Seq[view.Item]) {
	none := func(func(view.Item) bool) {}
	item := v.Get(record.Clusters, cluster)
	if item == nil {
		return at.name.Namespace, none
	}
	namespace := item.Render().(*v1alpha1.Cluster).Status.Namespace
	if namespace == "" || (at.name.Namespace != "" && at.name.Namespace != namespace) {
		return at.name.Namespace, none
	}
	start := record.Name{Namespace: namespace}
	if start.Compare(from) < 0 {
		return namespace, source
	}
	return namespace, v.All(record.BundleDeployments, start)
}

// selected returns the name that a label selector requires by two labels.
func selected(predicate *storage.SelectionPredicate, namespaceLabel, nameLabel string) (record.Name, bool) {
	if predicate.Label == nil {
		return record.Name{}, false
	}
	namespace, okNamespace := predicate.Label.RequiresExactMatch(namespaceLabel)
	name, okName := predicate.Label.RequiresExactMatch(nameLabel)
	return record.Name{Namespace: namespace, Name: name}, okNamespace && okName
}

// matches reports whether a predicate selects an item. It does not render the item.
func matches(predicate *storage.SelectionPredicate, item view.Item) bool {
	if predicate.Empty() || (predicate.Label == nil && predicate.Field == nil) {
		return true
	}
	name := item.Name()
	selectable := fields.Set{"metadata.name": name.Name, "metadata.namespace": name.Namespace}
	if !onlyNames(predicate.Field) {
		// No kind of the group has other fields to select by; the registry refuses them.
		if _, all, err := predicate.GetAttrs(item.Render()); err == nil {
			selectable = all
		}
	}
	return predicate.MatchesObjectAttributes(labels.Set(item.Labels()), selectable)
}

// onlyNames reports whether a selector reads only names and namespaces.
func onlyNames(selector fields.Selector) bool {
	return selector == nil || selector.Empty() || !slices.ContainsFunc(selector.Requirements(), func(r fields.Requirement) bool {
		return r.Field != "metadata.name" && r.Field != "metadata.namespace"
	})
}
