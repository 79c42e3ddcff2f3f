// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// aThing returns an object as the cache has it.
func aThing(resource schema.GroupVersionResource, o metav1.Object) ownership.Object {
	return ownership.Object{Resource: resource, PartialObjectMetadata: controllertest.Partial(o)}
}

// made returns all objects of a token, a registration and a Cluster, with names that are longer
// by length.
func made(t *testing.T, settings *Settings, length int) []ownership.Object {
	t.Helper()
	m, g := makings{aToken()}, aGrant()
	m.token.Name += strings.Repeat("x", length)
	g.registration.Name += strings.Repeat("x", length)
	g.cluster.Status.Namespace = names.ClusterNamespace(g.cluster.Namespace, g.cluster.Name)
	values, err := m.values(settings, "", "")
	require.NoError(t, err)
	fetch, fetcher := m.fetching(settings.registrationNamespace(), nil)
	role, binding := g.heartbeat()
	return []ownership.Object{
		aThing(ownership.ServiceAccounts, m.account()), aThing(ownership.Secrets, m.accountToken()), aThing(ownership.Roles, m.role()), aThing(ownership.RoleBindings, m.binding()),
		aThing(ownership.Secrets, values), aThing(ownership.Roles, fetch), aThing(ownership.RoleBindings, fetcher),
		aThing(ownership.ServiceAccounts, g.account()), aThing(ownership.Secrets, g.accountToken()), aThing(ownership.Secrets, g.credentials(settings, nil)),
		aThing(ownership.Roles, role), aThing(ownership.RoleBindings, binding), aThing(ownership.RoleBindings, g.bundleDeployments()), aThing(ownership.ClusterRoleBindings, g.contents()),
	}
}

// The right to write labels and annotations is enough to copy any mark. The oracle is what the
// controller makes: an object with a mark belongs to the owner if it was made with this mark.
func TestACopiedMarkDoesNotChangeTheOwner(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	for _, length := range []int{0, 13, 30, 180} {
		all := made(t, &settings, length)
		for _, marked := range all {
			o, uid, ok := ownership.Of(marked)
			require.True(t, ok)
			for _, other := range all {
				theirs, _, _ := ownership.Of(other)
				moved := ownership.Object{Resource: other.Resource, PartialObjectMetadata: other.DeepCopy()}
				maps.Copy(moved.Annotations, marked.Annotations)
				require.Equal(t, theirs == o, settings.belongs(moved, o, uid), "%s %s/%s marked as %s/%s", other.Resource.Resource, other.Namespace, other.Name, o, uid)
				elsewhere := moved.DeepCopy()
				elsewhere.Namespace = "kube-system"
				if other.Namespace != "" {
					require.False(t, settings.belongs(ownership.Object{Resource: other.Resource, PartialObjectMetadata: elsewhere}, o, uid), "%s in kube-system", other.Resource.Resource)
				}
				renamed := moved.DeepCopy()
				renamed.Name = "foreign"
				require.False(t, settings.belongs(ownership.Object{Resource: other.Resource, PartialObjectMetadata: renamed}, o, uid), "%s of another name", other.Resource.Resource)
			}
		}
	}
}

func TestObjectsOfFleetBelongByTheirNames(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	for _, length := range []int{0, 13, 14, 60} {
		for _, t2 := range made(t, &settings, length) {
			o, uid, _ := ownership.Of(t2)
			if o.Resource == tokens {
				continue // without the mark its owner is not known
			}
			fleets := ownership.Object{Resource: t2.Resource, PartialObjectMetadata: t2.DeepCopy()}
			delete(fleets.Annotations, ownership.Annotation)
			same, none, ok := ownership.Of(fleets)
			require.True(t, ok)
			require.Equal(t, o, same)
			require.Empty(t, none)
			require.True(t, settings.belongs(fleets, o, ""), "%s %s/%s", t2.Resource.Resource, t2.Namespace, t2.Name)
			if t2.Resource == ownership.ServiceAccounts {
				foreign := fleets.DeepCopy()
				foreign.Namespace = "monitoring"
				require.False(t, settings.belongs(ownership.Object{Resource: t2.Resource, PartialObjectMetadata: foreign}, o, ""), "without the UID the name is not enough")
				require.True(t, settings.belongs(ownership.Object{Resource: t2.Resource, PartialObjectMetadata: foreign}, o, uid), "a Cluster can be put into another namespace")
			}
		}
	}
}
