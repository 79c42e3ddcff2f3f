// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ready is the JSONPath of the Ready condition's message.
const ready = `.status.conditions[?(@.type=="Ready")].message`

// want is the table of S 1.1 once more: columns by header and JSONPath, as in the CRDs.
var want = []struct {
	kind, plural string
	cluster      bool
	categories   []string
	status       string
	columns      [][2]string
}{
	{"Bundle", "bundles", false, nil, "yes", [][2]string{
		{"BundleDeployments-Ready", ".status.display.readyClusters"}, {"Status", ready},
	}},
	{"BundleDeployment", "bundledeployments", false, nil, "yes", [][2]string{
		{"Deployed", ".status.display.deployed"}, {"Monitored", ".status.display.monitored"}, {"Status", ready},
	}},
	{"BundleNamespaceMapping", "bundlenamespacemappings", false, nil, "no schema", nil},
	{"Cluster", "clusters", false, nil, "yes", [][2]string{
		{"Bundles-Ready", ".status.display.readyBundles"}, {"Last-Seen", ".status.agent.lastSeen"}, {"Status", ready},
	}},
	{"ClusterGroup", "clustergroups", false, []string{"fleet"}, "yes", [][2]string{
		{"Clusters-Ready", ".status.display.readyClusters"}, {"Bundles-Ready", ".status.display.readyBundles"}, {"Status", ready},
	}},
	{"ClusterRegistration", "clusterregistrations", false, nil, "yes", [][2]string{
		{"Cluster-Name", ".status.clusterName"}, {"Labels", ".spec.clusterLabels"},
	}},
	{"ClusterRegistrationToken", "clusterregistrationtokens", false, nil, "yes", [][2]string{
		{"Secret-Name", ".status.secretName"},
	}},
	{"Content", "contents", true, nil, "yes", nil},
	{"GitRepo", "gitrepos", false, []string{"fleet"}, "yes", [][2]string{
		{"Repo", ".spec.repo"},
		{"Commit", ".status.commit"},
		{"BundleDeployments-Ready", ".status.display.readyBundleDeployments"},
		{"Status", ready},
	}},
	{"GitRepoRestriction", "gitreporestrictions", false, nil, "no schema", [][2]string{
		{"Default-ServiceAccount", ".defaultServiceAccount"}, {"Allowed-ServiceAccounts", ".allowedServiceAccounts"},
	}},
	{"HelmOp", "helmops", false, []string{"fleet"}, "yes", [][2]string{
		{"Repo", ".spec.helm.repo"},
		{"Chart", ".spec.helm.chart"},
		{"Version", ".status.version"},
		{"BundleDeployments-Ready", ".status.display.readyBundleDeployments"},
		{"Status", ready},
	}},
	{"ImageScan", "imagescans", false, nil, "yes", [][2]string{
		{"Repository", ".spec.image"}, {"Latest", ".status.latestTag"},
	}},
	{"Policy", "policies", false, nil, "no", nil},
	{"Schedule", "schedules", false, nil, "yes", [][2]string{
		{"Schedule", ".spec.schedule"}, {"Duration", ".spec.duration"}, {"Active", ".status.active"}, {"NextStart", ".status.nextStartTime"},
	}},
}

func TestInventory(t *testing.T) {
	t.Parallel()
	scheme := typer(t)
	all := All()
	require.Len(t, all, len(want))
	for i, w := range want {
		k := all[i]
		t.Run(w.kind, func(t *testing.T) {
			t.Parallel()
			require := require.New(t)
			require.Equal(w.kind, k.Kind, "kinds are ordered by name")
			require.Equal(w.plural, k.Plural)
			require.Equal(strings.ToLower(w.kind), k.Singular)
			require.Equal(!w.cluster, k.Namespaced)
			require.Equal(w.categories, k.Categories)
			require.Equal(w.status != "no", k.StatusEndpoint)
			require.Equal(w.status == "yes", k.Status != nil)
			require.Equal(w.kind == "BundleDeployment", k.Computed)
			require.Same(k, ByResource(w.plural))

			gvks, _, err := scheme.ObjectKinds(k.New())
			require.NoError(err)
			require.Contains(gvks, k.GroupVersionKind())
			gvks, _, err = scheme.ObjectKinds(k.NewList())
			require.NoError(err)
			require.Contains(gvks, v1alpha1.SchemeGroupVersion.WithKind(w.kind+"List"))
			one, other := k.New(), k.New()
			require.NotSame(one, other)
			require.True(meta.IsListType(k.NewList()))

			require.Equal("fleet.cattle.io", k.GroupResource().Group)
			require.Equal(w.plural, k.GroupResource().Resource)
			require.Equal(k.Singular, k.SingularGroupResource().Resource)
			require.Len(k.Columns, len(w.columns))
			for i, c := range w.columns {
				require.Equal(c[0], k.Columns[i].Header)
				require.NotEmpty(k.Columns[i].Description)
			}
		})
	}
	require.Nil(t, ByResource("bundle"), "the singular is not a resource")
	require.Nil(t, ByResource(""))
}

func TestAllReturnsItsOwnSlice(t *testing.T) {
	t.Parallel()
	all := All()
	all[0] = nil
	require.NotNil(t, All()[0])
}

func TestGetAttrs(t *testing.T) {
	t.Parallel()
	require := require.New(t)
	l, f, err := GetAttrs(&v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "n", Namespace: "ns", Labels: map[string]string{"a": "b"}}})
	require.NoError(err)
	require.Equal(labels.Set{"a": "b"}, l)
	require.Equal(fields.Set{"metadata.name": "n", "metadata.namespace": "ns"}, f)

	l, f, err = GetAttrs(&v1alpha1.Content{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	require.NoError(err)
	require.Empty(l)
	require.Equal(fields.Set{"metadata.name": "n"}, f)

	_, _, err = GetAttrs(&metav1.Status{})
	require.ErrorContains(err, "selectors cannot be applied to *v1.Status")
}
