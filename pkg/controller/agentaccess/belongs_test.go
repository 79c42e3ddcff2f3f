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
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
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
		aThing(ownership.Namespaces, clusterNamespace(g.cluster)),
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

func TestANamespaceBelongsToAClusterOnlyByItsDerivedName(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	o := ownership.Owner{Resource: record.Clusters, Name: record.Name{Namespace: "fleet-default", Name: "prod-eu-1"}}
	own := names.ClusterNamespace("fleet-default", "prod-eu-1")
	namespace := func(name string) ownership.Object {
		return aThing(ownership.Namespaces, &metav1.ObjectMeta{Name: name})
	}
	for _, name := range []string{"kube-system", "default", "fleet-default", "cattle-fleet-system", "cattle-fleet-clusters-system", "muster-system", "production", own + "x", "cluster-fleet-default-prod-eu-1"} {
		require.False(t, settings.belongs(namespace(name), o, "1"), name)
	}
	require.True(t, settings.belongs(namespace(own), o, ""))
	require.False(t, settings.belongs(namespace(own), ownership.Owner{Resource: registrations, Name: o.Name}, "1"))
	settings.OwnNamespace = own
	require.False(t, settings.belongs(namespace(own), o, ""), "the controller runs in it")
}

// The owner was seen to go: no better evidence exists.
func TestAForeignObjectWithAForgedMarkIsNotRemoved(t *testing.T) {
	t.Parallel()
	o := ownership.Owner{Resource: record.Clusters, Name: record.Name{Namespace: "fleet-default", Name: "gone"}}
	mine, theirs := names.ClusterNamespace("fleet-default", "gone"), "production"
	namespace := func(name string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{v1alpha1.LabelManaged: "true"},
				Annotations: map[string]string{v1alpha1.LabelClusterNamespace: "fleet-default", v1alpha1.LabelCluster: "gone", ownership.Annotation: "clusters/fleet-default/gone/1"},
			},
		}
	}
	client := controllertest.Metadata(t, namespace(mine), namespace(theirs))
	keeper := New(Options{Settings: DefaultSettings(), Metadata: client}).keeper()
	keeper.Saw(o, "1")
	for range 2 {
		require.NoError(t, keeper.Withdraw(t.Context(), o, []ownership.Object{{Resource: ownership.Namespaces, PartialObjectMetadata: namespace(theirs)}, {Resource: ownership.Namespaces, PartialObjectMetadata: namespace(mine)}}, ""))
	}
	left, err := client.Resource(ownership.Namespaces).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, left.Items, 1)
	require.Equal(t, theirs, left.Items[0].Name)
}
