// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/restore"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// ids returns the deployment IDs of a state's BundleDeployments, by namespace and name.
func (s state) ids(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for key, object := range s.deployments() {
		id, found, err := unstructured.NestedString(object, "spec", "deploymentID")
		require.NoError(t, err)
		require.True(t, found)
		out[strings.TrimPrefix(key, "bundledeployments ")] = id
	}
	return out
}

// actions returns what agents do when they see one state after another: the text that the
// page's steps show.
func actions(t *testing.T, before, after state) string {
	t.Helper()
	was, is := before.ids(t), after.ids(t)
	all, text := maps.Clone(was), ""
	maps.Copy(all, is)
	counts := map[string]int{}
	// By namespace, then by name.
	order := func(a, b string) int {
		return strings.Compare(strings.Replace(a, "/", "\x00", 1), strings.Replace(b, "/", "\x00", 1))
	}
	for _, key := range slices.SortedFunc(maps.Keys(all), order) {
		action := ""
		switch {
		case was[key] == is[key]:
			continue
		case was[key] == "":
			action = "install"
		case is[key] == "":
			action = "uninstall"
		default:
			action = "change"
		}
		counts[action]++
		text += strings.Join(strings.Fields(action+" "+key+" "+was[key]+" "+is[key]), " ") + "\n"
	}
	return text + fmt.Sprintf("Agents would install %d, change %d and uninstall %d BundleDeployments.\n", counts["install"], counts["change"], counts["uninstall"])
}

// refuses returns an error unless a replica refuses a request and says why, with a text. It
// asks once: client-go would repeat the request for ten seconds.
func refuses(ctx context.Context, r *cluster.Replica, text string) error {
	client, err := kubernetes.NewForConfig(r.Direct(control.Config))
	if err != nil {
		return poll.Stop(err)
	}
	out, err := client.RESTClient().Get().AbsPath("/apis", v1alpha1.SchemeGroupVersion.String(), "bundles").MaxRetries(0).DoRaw(ctx)
	if err == nil {
		return fmt.Errorf("%s serves what etcd holds", r.Name)
	}
	if !strings.Contains(string(out), text) {
		return fmt.Errorf("%s does not say %q: %w: %s", r.Name, text, err, out)
	}
	return nil
}

// awaitClosed waits until all replicas say that they are closed.
func awaitClosed(t *testing.T, muster *cluster.Muster) {
	t.Helper()
	for _, r := range muster.Replicas() {
		poll.Eventually(t, within, func(ctx context.Context) error { return refuses(ctx, r, "closed: etcd is cluster") }, r.Process.Tail)
		require.Eventually(t, func() bool { return !r.Ready() }, within, every)
	}
}

// TestAnEtcdIsMovedWithoutReplicasThatRemember follows the page's last section. All replicas
// start after the move, so that only the saved list shows what agents have deployed.
func TestAnEtcdIsMovedWithoutReplicasThatRemember(t *testing.T) {
	old := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
	muster := cluster.Install(t, control, old, cluster.Options{Replicas: 2, Args: []string{"--shutdown-delay-duration=1s"}})
	f := newFleet(t, "moved", control.Config)
	agents := startAgents(t, control.Config, f.homes)
	o := cluster.NewOperator(t, control, muster, old)
	want := stateAt(t, control.Config, "")
	agents.converge(t, want)
	agents.forget()

	o.Step(t, page, "list")
	o.WaitRecorded(t)
	o.Step(t, page, "stop")
	for _, r := range muster.Replicas() {
		r.Stop(t)
	}
	o.Save(t)
	bump := o.Bump(t)
	withoutALeaseThereIsNoBump(t, o)
	o.Lose(t)

	t.Log("an empty etcd at the old addresses is refused")
	require.NoError(t, old.Member(0).Start())
	require.NoError(t, old.WaitReady(t.Context(), 0))
	for _, r := range muster.Replicas() {
		r.Start(t)
		require.Eventually(t, func() bool { return strings.Contains(r.Process.Log(), "etcd went back in time") }, within, every)
		require.False(t, r.Ready())
		r.Process.Kill()
	}

	o.Lose(t)
	o.Restore(t, cluster.Step(t, page, "restore"), "moved", bump)
	for _, r := range muster.Replicas() {
		r.Start(t)
	}
	awaitClosed(t, muster)
	for _, r := range muster.Replicas() {
		require.Contains(t, o.Look(t, "look", r), "has started since")
		require.Equal(t, actions(t, want, want), o.Look(t, "compare", r), "nothing changes")
	}
	require.Equal(t, want.deployments(), agents.know(), "agents get no events")
	theComparisonIsGuarded(t, muster.Replicas()[0])
	o.Open(t)
	muster.WaitReady(t)
	o.Step(t, page, "look-again")
	muster.WaitAvailable(t)
	require.Equal(t, want, stateAt(t, control.Config, ""))
	agents.converge(t, want)
	gone, backwards := agents.seen()
	require.Empty(t, gone)
	require.Empty(t, backwards)
	f.edits(t, 2)
}

// withoutALeaseThereIsNoBump checks that the page's step prints no number that is too small. An
// operator's shell continues after a command that fails.
func withoutALeaseThereIsNoBump(t *testing.T, o *cluster.Operator) {
	t.Helper()
	step := cluster.Step(t, page, "bump")
	lost := strings.Replace(step, "lease muster-etcd", "lease lost", 1)
	require.NotEqual(t, step, lost)
	out, err := o.Try(t, "set +e\n"+lost)
	require.Error(t, err)
	require.Contains(t, out, "NEWEST: is in no Lease. Set it to the highest muster_etcd_revision")
	require.NotContains(t, out, "BUMP=")
	commands := strings.Split(strings.TrimSpace(step), "\n")
	require.Contains(t, o.Run(t, "NEWEST=1000\n"+strings.Join(commands[1:], "\n")), "BUMP=", "as the message says")
}

// theComparisonIsGuarded checks that only users with a right learn the names of all
// BundleDeployments, and that a wrong list is refused with its line.
func theComparisonIsGuarded(t *testing.T, replica *cluster.Replica) {
	t.Helper()
	ask := func(config *rest.Config, verb, body string) (string, error) {
		client, err := kubernetes.NewForConfig(replica.Direct(config))
		require.NoError(t, err)
		out, err := client.RESTClient().Verb(verb).AbsPath(restore.Path).Body([]byte(body)).DoRaw(t.Context())
		return string(out), err
	}
	account := control.AsAccount(t, cluster.Namespace, "default")
	for _, verb := range []string{"GET", "POST"} {
		_, err := ask(account, verb, "")
		require.True(t, apierrors.IsForbidden(err), "%s: %v", verb, err)
		_, err = ask(control.Anonymous(), verb, "")
		require.True(t, apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err), "%s: %v", verb, err)
	}
	out, err := ask(control.Config, "POST", "a/b s-1:x\nnonsense")
	require.Error(t, err)
	require.Contains(t, out, "line 2")
	_, err = ask(control.Config, "PUT", "")
	require.True(t, apierrors.IsMethodNotSupported(err), "%v", err)
}
