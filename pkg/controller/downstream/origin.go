// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/musterfleet/muster/pkg/registry/record"
)

// sourceAnnotation is on each copy. Its value is the origin of the copy.
const sourceAnnotation = "muster.fleet.cattle.io/source"

// origin names what a copy is a copy of: KIND/NAMESPACE/NAME/TYPE. TYPE is the type that an
// access Secret gets, and "" where the copy has the type of its source. Two needs with the
// same origin share a copy. Of two with different origins, one holds the name.
type origin string

func (n *need) origin(r resource) origin {
	asType := ""
	if !slices.ContainsFunc(n.named, r.sameAs) {
		asType = n.accessType
	}
	return origin(strings.Join([]string{r.kind, n.from, r.name.Name, asType}, "/"))
}

// sameAs reports whether two resources have the same kind and name, in any namespaces.
func (r resource) sameAs(o resource) bool { return r.kind == o.kind && r.name.Name == o.name.Name }

// String describes an origin for messages.
func (o origin) String() string {
	parts := strings.SplitN(string(o), "/", 4)
	if len(parts) < 4 {
		return fmt.Sprintf("%q", string(o))
	}
	text := fmt.Sprintf("%s %s/%s", singular(parts[0]), parts[1], parts[2])
	if parts[3] != "" {
		text += " as a Secret of type " + parts[3]
	}
	return text
}

func singular(kind string) string {
	if kind == secrets {
		return "Secret"
	}
	return "ConfigMap"
}

// originOf returns the source of a copy, "" if it is unknown. The annotation of the copy
// names it. A copy without the annotation has the source that its controller, a
// BundleDeployment, needs now.
func (n *needs) originOf(copy object, r resource) origin {
	if noted, ok := copy.meta().Annotations[sourceAnnotation]; ok {
		return origin(noted)
	}
	for _, owner := range copy.meta().OwnerReferences {
		if isDeployment(owner) && ptr.Deref(owner.Controller, false) {
			return n.originFor(record.Name{Namespace: r.name.Namespace, Name: owner.Name}, owner.UID, r)
		}
	}
	return ""
}

// originFor returns the origin of a copy as one BundleDeployment needs it; "" if it does not
// need it.
func (n *needs) originFor(name record.Name, uid types.UID, r resource) origin {
	n.mu.Lock()
	defer n.mu.Unlock()
	if need := n.mu.by[name]; need != nil && need.uid == uid && slices.ContainsFunc(need.all(), r.sameAs) {
		return need.origin(r)
	}
	return ""
}

// held reports whether a BundleDeployment needs the copy with this origin.
func (n *needs) held(r resource, of origin) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.mu.users[r] {
		if name.Namespace == r.name.Namespace && n.mu.by[name].origin(r) == of {
			return true
		}
	}
	return false
}

// keep returns the owners of a copy without those that need another origin in its place,
// which an earlier version entered, too.
func (n *needs) keep(owners []metav1.OwnerReference, r resource, of origin) []metav1.OwnerReference {
	return slices.DeleteFunc(slices.Clone(owners), func(o metav1.OwnerReference) bool {
		other := n.originFor(record.Name{Namespace: r.name.Namespace, Name: o.Name}, o.UID, r)
		return isDeployment(o) && other != "" && other != of
	})
}
