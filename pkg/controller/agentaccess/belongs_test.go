// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	metadatafake "k8s.io/client-go/metadata/fake"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// aThing is an object as it is known, of a kind.
func aThing(resource schema.GroupVersionResource, o metav1.Object) thing {
	return thing{resource, &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: o.GetNamespace(), Name: o.GetName(), UID: "of-the-object", Labels: o.GetLabels(), Annotations: o.GetAnnotations(),
	}}}
}

// made is everything that is made for a token, a registration and a Cluster, whose
// names are as long as said.
func made(t *testing.T, settings *Settings, length int) []thing {
	t.Helper()
	m, g := makings{aToken()}, aGrant()
	m.token.Name += strings.Repeat("x", length)
	g.registration.Name += strings.Repeat("x", length)
	g.cluster.Status.Namespace = names.ClusterNamespace(g.cluster.Namespace, g.cluster.Name)
	values, err := m.values(settings, "", "")
	require.NoError(t, err)
	fetch, fetcher := m.fetching(settings.registrationNamespace(), nil)
	role, binding := g.heartbeat()
	return []thing{
		aThing(serviceAccounts, m.account()), aThing(secrets, m.accountToken()), aThing(roles, m.role()), aThing(roleBindings, m.binding()),
		aThing(secrets, values), aThing(roles, fetch), aThing(roleBindings, fetcher),
		aThing(serviceAccounts, g.account()), aThing(secrets, g.accountToken()), aThing(secrets, g.credentials(settings, nil)),
		aThing(roles, role), aThing(roleBindings, binding), aThing(roleBindings, g.bundleDeployments()), aThing(clusterRoleBindings, g.contents()),
		aThing(namespaces, clusterNamespace(g.cluster)),
	}
}

// Whoever can write labels and annotations can copy any mark. The oracle is what is
// made: of all objects that bear a mark, those belong to it that were made with it.
func TestAMarkSpeaksOnlyForWhatIsCalledAsItsOwnerCallsIt(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	for _, length := range []int{0, 13, 30, 180} {
		all := made(t, &settings, length)
		for _, marked := range all {
			o, uid, ok := ownerOf(marked)
			require.True(t, ok)
			for _, other := range all {
				theirs, _, _ := ownerOf(other)
				moved := thing{other.resource, other.DeepCopy()}
				for key, value := range marked.Annotations {
					moved.Annotations[key] = value
				}
				require.Equal(t, theirs == o, settings.belongs(moved, o, uid), "%s %s/%s marked as %s/%s", other.resource.Resource, other.Namespace, other.Name, o, uid)
				elsewhere := moved.DeepCopy()
				elsewhere.Namespace = "kube-system"
				if other.Namespace != "" {
					require.False(t, settings.belongs(thing{other.resource, elsewhere}, o, uid), "%s in kube-system", other.resource.Resource)
				}
				renamed := moved.DeepCopy()
				renamed.Name = "somebody-elses"
				require.False(t, settings.belongs(thing{other.resource, renamed}, o, uid), "%s of another name", other.resource.Resource)
			}
		}
	}
}

func TestWhatFleetMadeBelongsByTheNamesThatAreKnown(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	for _, length := range []int{0, 13, 14, 60} {
		for _, t2 := range made(t, &settings, length) {
			o, uid, _ := ownerOf(t2)
			if o.resource == tokens {
				continue // nothing says whose it is
			}
			fleets := thing{t2.resource, t2.DeepCopy()}
			delete(fleets.Annotations, ownerAnnotation)
			same, none, ok := ownerOf(fleets)
			require.True(t, ok)
			require.Equal(t, o, same)
			require.Empty(t, none)
			require.True(t, settings.belongs(fleets, o, ""), "%s %s/%s", t2.resource.Resource, t2.Namespace, t2.Name)
			if t2.resource == serviceAccounts {
				foreign := fleets.DeepCopy()
				foreign.Namespace = "monitoring"
				require.False(t, settings.belongs(thing{t2.resource, foreign}, o, ""), "whose UID is not known is not known by its name")
				require.True(t, settings.belongs(thing{t2.resource, foreign}, o, uid), "a Cluster can be put into another namespace")
			}
		}
	}
}

func TestANamespaceIsNoClustersUnlessItsNameFollowsFromTheClusters(t *testing.T) {
	t.Parallel()
	settings := DefaultSettings()
	o := owner{record.Clusters, record.Name{Namespace: "fleet-default", Name: "prod-eu-1"}}
	own := names.ClusterNamespace("fleet-default", "prod-eu-1")
	namespace := func(name string) thing { return aThing(namespaces, &metav1.ObjectMeta{Name: name}) }
	for _, name := range []string{"kube-system", "default", "fleet-default", "cattle-fleet-system", "cattle-fleet-clusters-system", "muster-system", "production", own + "x", "cluster-fleet-default-prod-eu-1"} {
		require.False(t, settings.belongs(namespace(name), o, "1"), name)
	}
	require.True(t, settings.belongs(namespace(own), o, ""))
	require.False(t, settings.belongs(namespace(own), owner{registrations, o.name}, "1"))
	settings.OwnNamespace = own
	require.False(t, settings.belongs(namespace(own), o, ""), "the controller runs in it")
}

// The owner was seen to go, so there is all the evidence that there can be.
func TestAForeignObjectThatSomebodyMarkedIsNotRemoved(t *testing.T) {
	t.Parallel()
	o := owner{record.Clusters, record.Name{Namespace: "fleet-default", Name: "gone"}}
	mine, theirs := names.ClusterNamespace("fleet-default", "gone"), "production"
	namespace := func(name string) *metav1.PartialObjectMetadata {
		return &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: types.UID("uid-of-" + name), Labels: map[string]string{v1alpha1.LabelManaged: "true"},
				Annotations: map[string]string{v1alpha1.LabelClusterNamespace: "fleet-default", v1alpha1.LabelCluster: "gone", ownerAnnotation: "clusters/fleet-default/gone/1"},
			},
		}
	}
	scheme := metadatafake.NewTestScheme()
	require.NoError(t, metav1.AddMetaToScheme(scheme))
	client := metadatafake.NewSimpleMetadataClient(scheme, []runtime.Object{namespace(mine), namespace(theirs)}...)
	c := New(Options{Settings: DefaultSettings(), Metadata: client})
	c.evidence = newEvidence(time.Hour)
	c.evidence.saw(o, "1", time.Now())
	for range 2 {
		require.NoError(t, c.withdraw(t.Context(), o, []thing{{namespaces, namespace(theirs)}, {namespaces, namespace(mine)}}, ""))
	}
	left, err := client.Resource(namespaces).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, left.Items, 1)
	require.Equal(t, theirs, left.Items[0].Name)
	require.False(t, c.evidence.sayOnce("uid-of-production"), "it has been said")
}
