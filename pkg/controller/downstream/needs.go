// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Kinds of the core API that are copied.
const (
	secrets    = derive.CopiedSecrets
	configMaps = derive.CopiedConfigMaps
)

// resource names a Secret or a ConfigMap.
type resource struct {
	kind string
	name record.Name
}

// need holds what one BundleDeployment needs.
type need struct {
	uid  types.UID
	from string // the Bundle's namespace
	// named holds the resources of the options, and access the Secrets for registries. Both
	// are sorted, without duplicates, and have no namespace.
	named, access []resource
	// accessType is the type that a copy of an access Secret gets, in place of its source's
	// (S 4.7).
	accessType string
	// impossible says for entries of the options why they can never be copied.
	impossible []string
}

func (n *need) all() []resource { return append(slices.Clone(n.named), n.access...) }

func (n *need) lacks(held string) bool {
	return !slices.ContainsFunc(n.all(), func(r resource) bool { return string(derive.CopyOf(r.kind, r.name.Name)) == held })
}

// equal reports whether two needs are the same. nil means nothing.
func (n *need) equal(o *need) bool {
	if n == nil || o == nil {
		return n == o
	}
	return n.uid == o.uid && n.from == o.from && slices.Equal(n.named, o.named) && slices.Equal(n.access, o.access) &&
		n.accessType == o.accessType && slices.Equal(n.impossible, o.impossible)
}

// needOf returns what a BundleDeployment needs; nil if nothing. It runs for every change of a
// BundleDeployment, so it renders nothing.
func needOf(item view.Item) *need {
	bd, ok := item.(*view.BundleDeployment)
	if !ok || bd == nil {
		return nil
	}
	named, access := bd.Content.Options.DownstreamResources, derive.AccessSecret(&bd.Bundle.Bundle.Spec)
	if len(named) == 0 && access == "" {
		return nil
	}
	out := &need{uid: derive.IdentityUID(bd.Bundle.Bundle.UID, bd.Cluster.Cluster.UID), from: bd.Bundle.Bundle.Namespace}
	for _, r := range named {
		out.name(&out.named, r.Kind, r.Name, "downstreamResources")
	}
	switch {
	case access == "":
	case bd.Bundle.Bundle.Spec.HelmOpOptions != nil:
		out.accessType = v1alpha1.SecretTypeHelmOpAccess
		out.name(&out.access, "secret", access, "helmOpSecretName")
	default:
		out.accessType = v1alpha1.SecretTypeOCIStorage
		out.name(&out.access, "secret", access, "contentsId")
	}
	slices.Sort(out.impossible)
	out.impossible = slices.Compact(out.impossible)
	slices.SortFunc(out.named, resource.compare)
	out.named = slices.Compact(out.named)
	out.access = slices.DeleteFunc(out.access, func(r resource) bool { return slices.Contains(out.named, r) })
	return out
}

// name adds the resource that a field names, or says why it cannot exist.
func (n *need) name(to *[]resource, kind, name, field string) {
	r := resource{name: record.Name{Name: name}}
	if r.kind = derive.CopiedKind(kind); r.kind == "" {
		n.impossible = append(n.impossible, fmt.Sprintf("unsupported kind for object to copy to downstream: %q", kind))
		return
	}
	switch wrong := validation.IsDNS1123Subdomain(name); {
	case name == "":
		n.impossible = append(n.impossible, fmt.Sprintf("%s has a %s without a name: set its name, or remove the entry", field, singular(r.kind)))
	case len(wrong) > 0:
		n.impossible = append(n.impossible, fmt.Sprintf("%s names the %s %q, which cannot exist: %s", field, singular(r.kind), name, wrong[0]))
	default:
		*to = append(*to, r)
	}
}

func (r resource) compare(o resource) int {
	if c := strings.Compare(r.kind, o.kind); c != 0 {
		return c
	}
	return r.name.Compare(o.name)
}

// in returns the resource in another namespace.
func (r resource) in(namespace string) resource {
	return resource{r.kind, record.Name{Namespace: namespace, Name: r.name.Name}}
}

// needs holds the need of each BundleDeployment, and finds needs by the resources they name.
type needs struct {
	mu struct {
		sync.Mutex
		by    map[record.Name]*need
		users map[resource]map[record.Name]struct{}
	}
}

func newNeeds() *needs {
	n := &needs{}
	n.mu.by = map[record.Name]*need{}
	n.mu.users = map[resource]map[record.Name]struct{}{}
	return n
}

// set notes what a BundleDeployment needs; nil means nothing. It returns false if that was
// known, and otherwise also the others that need a copy which this one needs or needed.
func (n *needs) set(name record.Name, next *need) (changed bool, beside []record.Name) {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.mu.by[name]
	if old.equal(next) {
		return false, nil
	}
	for _, need := range []*need{old, next} {
		for r := range need.copies(name) {
			for other := range n.mu.users[r] {
				if other != name {
					beside = append(beside, other)
				}
			}
		}
	}
	if old != nil {
		for _, r := range old.touches(name) {
			if delete(n.mu.users[r], name); len(n.mu.users[r]) == 0 {
				delete(n.mu.users, r)
			}
		}
		delete(n.mu.by, name)
	}
	if next != nil {
		n.mu.by[name] = next
		for _, r := range next.touches(name) {
			if n.mu.users[r] == nil {
				n.mu.users[r] = map[record.Name]struct{}{}
			}
			n.mu.users[r][name] = struct{}{}
		}
	}
	return true, beside
}

// copies yields the copies of a need, which may be nil.
func (n *need) copies(name record.Name) iter.Seq[resource] {
	return func(yield func(resource) bool) {
		if n == nil {
			return
		}
		for _, r := range n.all() {
			if !yield(r.in(name.Namespace)) {
				return
			}
		}
	}
}

// tenant returns the namespace of the Bundle of a BundleDeployment; "" if it needs nothing.
func (n *needs) tenant(name record.Name) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if need := n.mu.by[name]; need != nil {
		return need.from
	}
	return ""
}

// touches returns the sources and the copies of a need.
func (n *need) touches(name record.Name) []resource {
	var out []resource
	for _, r := range n.all() {
		out = append(out, r.in(n.from), r.in(name.Namespace))
	}
	return out
}

func (n *needs) of(r resource) []record.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []record.Name
	for name := range n.mu.users[r] {
		out = append(out, name)
	}
	return out
}

func (n *needs) names() []record.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []record.Name
	for name := range n.mu.by {
		out = append(out, name)
	}
	return out
}
