// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// Kinds of the core API that are copied.
const (
	secrets    = "secrets"
	configMaps = "configmaps"
)

// resource names a Secret or a ConfigMap.
type resource struct {
	kind string
	name record.Name
}

// need is what one BundleDeployment needs.
type need struct {
	uid  types.UID
	from string // the Bundle's namespace
	// named are the options' resources, access the Secrets for registries. Both are
	// sorted, without doubles, and have no namespace.
	named, access []resource
	// unsupported are kinds that cannot be copied.
	unsupported []string
}

// all is what is to be copied.
func (n *need) all() []resource { return append(slices.Clone(n.named), n.access...) }

// equal tells whether two needs are the same; nil is none.
func (n *need) equal(o *need) bool {
	if n == nil || o == nil {
		return n == o
	}
	return n.uid == o.uid && n.from == o.from && slices.Equal(n.named, o.named) && slices.Equal(n.access, o.access) && slices.Equal(n.unsupported, o.unsupported)
}

// needOf is what a BundleDeployment needs; nil if nothing. It is asked of every
// change there is, so it renders nothing.
func needOf(item view.Item) *need {
	bd, ok := item.(*view.BundleDeployment)
	if !ok || bd == nil {
		return nil
	}
	named, helmOp, contents := bd.Content.Options.DownstreamResources, bd.Bundle.Bundle.Spec.HelmOpOptions, bd.Bundle.Bundle.Spec.ContentsID
	if len(named) == 0 && (helmOp == nil || helmOp.SecretName == "") && contents == "" {
		return nil
	}
	out := &need{uid: derive.IdentityUID(bd.Bundle.Bundle.UID, bd.Cluster.Cluster.UID), from: bd.Bundle.Bundle.Namespace}
	for _, r := range named {
		switch strings.ToLower(r.Kind) {
		case "secret":
			out.named = append(out.named, resource{secrets, record.Name{Name: r.Name}})
		case "configmap":
			out.named = append(out.named, resource{configMaps, record.Name{Name: r.Name}})
		default:
			out.unsupported = append(out.unsupported, r.Kind)
		}
	}
	switch {
	case helmOp != nil && helmOp.SecretName != "":
		out.access = append(out.access, resource{secrets, record.Name{Name: helmOp.SecretName}})
	case helmOp == nil && contents != "":
		out.access = append(out.access, resource{secrets, record.Name{Name: contents}})
	}
	slices.SortFunc(out.named, resource.compare)
	out.named = slices.Compact(out.named)
	out.access = slices.DeleteFunc(out.access, func(r resource) bool { return slices.Contains(out.named, r) })
	return out
}

func (r resource) compare(o resource) int {
	if c := strings.Compare(r.kind, o.kind); c != 0 {
		return c
	}
	return r.name.Compare(o.name)
}

// in is the resource of a namespace.
func (r resource) in(namespace string) resource {
	return resource{r.kind, record.Name{Namespace: namespace, Name: r.name.Name}}
}

// accessType is the type of Secret that an access Secret's copy has, whatever the
// source's is (S 4.7).
func accessType(bd *view.BundleDeployment) string {
	if bd.Bundle.Bundle.Spec.HelmOpOptions != nil {
		return v1alpha1.SecretTypeHelmOpAccess
	}
	return v1alpha1.SecretTypeOCIStorage
}

// needs are those of all BundleDeployments, found by what they name.
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

// set notes what a BundleDeployment needs, nil for nothing; false if that was known.
func (n *needs) set(name record.Name, next *need) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	old := n.mu.by[name]
	if old.equal(next) {
		return false
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
	return true
}

// touches are the sources and the copies of a need.
func (n *need) touches(name record.Name) []resource {
	var out []resource
	for _, r := range n.all() {
		out = append(out, r.in(n.from), r.in(name.Namespace))
	}
	return out
}

// of are the BundleDeployments that a source or a copy is of.
func (n *needs) of(r resource) []record.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []record.Name
	for name := range n.mu.users[r] {
		out = append(out, name)
	}
	return out
}

// names are the BundleDeployments that need something.
func (n *needs) names() []record.Name {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []record.Name
	for name := range n.mu.by {
		out = append(out, name)
	}
	return out
}
