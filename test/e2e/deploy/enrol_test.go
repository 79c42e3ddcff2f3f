// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

func (w *workspace) clientID() string { return "client-" + w.name }

// invite creates a token, and starts an agent with its values and no other connection
// upstream.
func (w *workspace) invite(t *testing.T, flags ...string) {
	t.Helper()
	const token = "join"
	tokens := fleet.FleetV1alpha1().ClusterRegistrationTokens(w.name)
	_, err := tokens.Create(t.Context(), &v1alpha1.ClusterRegistrationToken{ObjectMeta: metav1.ObjectMeta{Name: token}}, metav1.CreateOptions{})
	require.NoError(t, err)
	var values *corev1.Secret
	poll.Eventually(t, within, func(ctx context.Context) error {
		made, err := tokens.Get(ctx, token, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if made.Status.SecretName == "" {
			return fmt.Errorf("the token has no Secret; %s", controller.Tail())
		}
		values, err = control.Client.CoreV1().Secrets(w.name).Get(ctx, made.Status.SecretName, metav1.GetOptions{})
		return err
	})
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, values.Data["values"], 0o600))
	w.agent = cluster.Run(t, "muster-agent", append([]string{
		"--registration", file, "--client-id", w.clientID(), "--kubeconfig", control.Kubeconfig(t, control.Config), "--agent-namespace", w.name,
		"--monitor-every", monitorEvery.String(), "--first-heartbeat", "100ms",
	}, flags...)...)
}

// registered waits until the agent has sent a heartbeat with the rights of a registration
// other than the one before, and records what was granted.
func (w *workspace) registered(t *testing.T, before string) *v1alpha1.Cluster {
	t.Helper()
	var found *v1alpha1.Cluster
	poll.Eventually(t, within, func(ctx context.Context) error {
		list, err := fleet.FleetV1alpha1().ClusterRegistrations(w.name).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) != 1 || !list.Items[0].Status.Granted || list.Items[0].Name == before {
			return fmt.Errorf("got %d registrations: %+v; %s; %s", len(list.Items), list.Items, w.agent.Tail(), controller.Tail())
		}
		w.registration = list.Items[0].Name
		found, err = fleet.FleetV1alpha1().Clusters(w.name).Get(ctx, list.Items[0].Status.ClusterName, metav1.GetOptions{})
		if err == nil && found.Status.Agent.LastSeen.IsZero() {
			err = errors.New("the agent has sent no heartbeat; " + w.agent.Tail())
		}
		return err
	})
	w.at = found.Status.Namespace
	require.NotEmpty(t, w.at)
	return found
}

func TestANewClusterGetsTheBundlesThatItsLabelsSelect(t *testing.T) {
	t.Parallel()
	w := &workspace{name: "newcomer"}
	control.MakeNamespace(t, w.name)
	w.bundle(t, "app-config", v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{configMap("config", "colour", "blue")}})
	w.invite(t, "--labels", "env=prod")
	w.waitData(t, "config", "colour", "blue")
	made := w.registered(t, "")
	require.Equal(t, w.clientID(), made.Spec.ClientID)
	require.Equal(t, "prod", made.Labels["env"])
	w.waitState(t, "app-config", v1alpha1.Ready)

	// The agent keeps its credentials in its own cluster, as Fleet's agent does.
	kept, err := control.Client.CoreV1().Secrets(w.name).Get(t.Context(), "fleet-agent", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, w.at, string(kept.Data["deploymentNamespace"]))
	require.Equal(t, made.Name, string(kept.Data["clusterName"]))
}

func TestAnAgentThatIsLockedOutDeploysNothingUntilItRegistersAnew(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, "lockedout")
	w.blue(t, nil)
	list, err := control.Client.CoreV1().ServiceAccounts(w.at).List(t.Context(), metav1.ListOptions{LabelSelector: v1alpha1.LabelManaged + "=true"})
	require.NoError(t, err)
	require.Len(t, list.Items, 1)
	account := list.Items[0].Name

	// The account is deleted with the registration. The agent then sees nothing, and leaves
	// alone what it cannot see.
	w.agent.Kill()
	before := w.registration
	require.NoError(t, fleet.FleetV1alpha1().ClusterRegistrations(w.name).Delete(t.Context(), before, metav1.DeleteOptions{}))
	poll.Eventually(t, within, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().ServiceAccounts(w.at).Get(ctx, account, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("the account %s still exists; %s", account, controller.Tail()))
	})
	w.change(t, "app-config", configMap("config", "colour", "green"))
	w.waitState(t, "app-config", v1alpha1.WaitApplied)
	w.waitData(t, "config", "colour", "blue")

	require.NoError(t, w.agent.Start())
	require.Equal(t, clusterName, w.registered(t, before).Name)
	w.waitData(t, "config", "colour", "green")
	w.waitState(t, "app-config", v1alpha1.Ready)
}
