// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// chart returns a Bundle with a chart whose values use the Cluster's name.
func chart() v1alpha1.BundleSpec {
	spec := v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{
		{Name: "Chart.yaml", Content: "apiVersion: v2\nname: greeter\nversion: 1.0.0\n"},
		{Name: "templates/config.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\ndata:\n  greeting: {{ .Values.greeting | quote }}\n"},
		{Name: "values.yaml", Content: "greeting: nobody\n"},
	}}
	spec.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"greeting": "hello ${ .ClusterName }"}}}
	return spec
}

func TestADeploymentByLabelIsShownUntilTheLabelIsRemoved(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "scenario")
	w.bundle(t, "app-chart", chart())
	w.bundle(t, "app-config", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("config", "colour", "blue")}})
	nothing := []string{
		"scenario | bundle.fleet.cattle.io/app-chart | 0/0",
		"scenario | bundle.fleet.cattle.io/app-config | 0/0",
		"scenario | cluster.fleet.cattle.io/north | 0/0 | TIME",
		"scenario | gitrepo.fleet.cattle.io/app | https://git.example.com/app | " + commit + " | 0/0",
	}
	ready := []string{
		"scenario | bundle.fleet.cattle.io/app-chart | 1/1",
		"scenario | bundle.fleet.cattle.io/app-config | 1/1",
		"scenario | cluster.fleet.cattle.io/north | 2/2 | TIME",
		"scenario | gitrepo.fleet.cattle.io/app | https://git.example.com/app | " + commit + " | 2/2",
		"CLUSTER | bundledeployment.fleet.cattle.io/app-chart | True | True",
		"CLUSTER | bundledeployment.fleet.cattle.io/app-config | True | True",
	}
	w.shows(t, nothing...)

	w.label(t, new("prod"))
	w.waitData(t, "app-chart", "greeting", "hello north")
	w.waitData(t, "config", "colour", "blue")
	bd := w.waitState(t, "app-config", v1alpha1.Ready)
	require.Equal(t, "scenario/app-config:1", bd.Status.Release)
	require.Equal(t, v1alpha1.ResourceCounts{Ready: 1, DesiredReady: 1}, bd.Status.ResourceCounts)
	require.Len(t, bd.Status.Resources, 1)
	require.Equal(t, "config", bd.Status.Resources[0].Name)
	w.shows(t, ready...)

	// A deployed object is edited, and then edited back.
	w.paint(t, "red")
	w.waitState(t, "app-config", v1alpha1.Modified)
	const drift = `configmap.v1 scenario/config modified {"data":{"colour":"blue"}}`
	w.shows(t,
		"scenario | bundle.fleet.cattle.io/app-chart | 1/1",
		"scenario | bundle.fleet.cattle.io/app-config | 0/1 | Modified(1) [Cluster scenario/north]; "+drift,
		"scenario | cluster.fleet.cattle.io/north | 1/2 | TIME | Modified(1) [Bundle app-config]; "+drift,
		"scenario | gitrepo.fleet.cattle.io/app | https://git.example.com/app | "+commit+" | 1/2 | Modified(1) [Cluster scenario/north]; "+drift,
		"CLUSTER | bundledeployment.fleet.cattle.io/app-chart | True | True",
		"CLUSTER | bundledeployment.fleet.cattle.io/app-config | True | True | "+drift,
	)
	w.paint(t, "blue")
	w.shows(t, ready...)

	w.change(t, "app-config", configMap("config", "colour", "green"))
	w.waitData(t, "config", "colour", "green")
	require.Equal(t, "scenario/app-config:2", w.waitState(t, "app-config", v1alpha1.Ready).Status.Release)
	w.shows(t, ready...)

	w.label(t, nil)
	w.waitGone(t, "config")
	w.waitGone(t, "app-chart")
	w.shows(t, nothing...)
}

// paint changes the data of the ConfigMap without the agent.
func (w *workspace) paint(t *testing.T, colour string) {
	t.Helper()
	_, err := control.Client.CoreV1().ConfigMaps(w.name).Patch(t.Context(), "config", types.MergePatchType, []byte(`{"data":{"colour":"`+colour+`"}}`), metav1.PatchOptions{})
	require.NoError(t, err)
}

func TestAnAgentThatIsKilledContinuesWhereItWas(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "killed")
	w.bundle(t, "app-config", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("config", "colour", "0")}})
	w.label(t, new("prod"))
	w.waitData(t, "config", "colour", "0")
	for _, colour := range []string{"1", "2", "3", "4"} {
		// The agent is somewhere between the watch and the report.
		w.change(t, "app-config", configMap("config", "colour", colour))
		w.agent.Kill()
		require.NoError(t, w.agent.Start())
		w.waitData(t, "config", "colour", colour)
		w.waitState(t, "app-config", v1alpha1.Ready)
	}
	list, err := fleet.FleetV1alpha1().ClusterRegistrations(w.name).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	require.Len(t, list.Items, 1, "an agent with credentials does not register again")
	require.Equal(t, w.registration, list.Items[0].Name)

	// An object that is removed while no agent watches is uninstalled when one does.
	w.agent.Kill()
	w.label(t, nil)
	w.waitData(t, "config", "colour", "4")
	require.NoError(t, w.agent.Start())
	w.waitGone(t, "config")
}

func TestAnAgentWithoutNewsSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "silent")
	w.bundle(t, "app-chart", chart())
	w.label(t, new("prod"))
	before := w.waitState(t, "app-chart", v1alpha1.Ready)
	events, err := fleet.FleetV1alpha1().BundleDeployments(w.at).Watch(t.Context(), metav1.ListOptions{ResourceVersion: before.ResourceVersion})
	require.NoError(t, err)
	defer events.Stop()

	// The agent starts again and looks twice. Drift ends the silence.
	w.agent.Kill()
	require.NoError(t, w.agent.Start())
	w.bundle(t, "later", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("later", "a", "b")}})
	w.waitState(t, "later", v1alpha1.Ready)
	_, err = control.Client.CoreV1().ConfigMaps(w.name).Patch(t.Context(), "app-chart", types.MergePatchType, []byte(`{"data":{"greeting":"bye"}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	for event := range events.ResultChan() {
		bd, ok := event.Object.(*v1alpha1.BundleDeployment)
		require.True(t, ok, "%+v", event.Object)
		if bd.Name == "app-chart" {
			require.Equal(t, string(v1alpha1.Modified), bd.Status.Display.State, "an event without news: %+v", bd.Status)
			return
		}
	}
	require.Fail(t, "the watch has ended")
}
