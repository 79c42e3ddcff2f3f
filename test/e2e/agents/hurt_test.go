// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
	"github.com/musterfleet/muster/test/replay"
)

// Registrations are created and deleted while the controller is killed again and again, at
// any instruction; then it has as much time as it needs. After that the objects match the
// registrations, by an oracle of its own, and another start writes nothing.
func TestAControllerThatIsKilledConvergesToTheSameObjects(t *testing.T) {
	random := replay.Rand(t)
	const workspace, clients, kills = "killed", 30, 8
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := ask(ctx, t, v, "killed-0", "killed-first", nil)
		return err
	}, access.Tail)
	asked := 1
	for range kills {
		access.Kill()
		for range 4 + random.IntN(5) {
			_, err := ask(t.Context(), t, v, fmt.Sprintf("killed-%d", asked%clients), fmt.Sprintf("killed-%d", asked), nil)
			require.NoError(t, err)
			asked++
		}
		if random.IntN(2) == 0 {
			all, err := fleet.FleetV1alpha1().Clusters(workspace).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			if len(all.Items) > 0 {
				victim := all.Items[random.IntN(len(all.Items))].Name
				require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), victim, metav1.DeleteOptions{}))
			}
		}
		const begins = `"Ready" revision=`
		before := strings.Count(access.Log(), begins)
		require.NoError(t, access.Start())
		poll.Eventually(t, patience, func(context.Context) error {
			if strings.Count(access.Log(), begins) == before {
				return errors.New("the controller has not begun")
			}
			return nil
		}, access.Tail)
		// The controller has work for half a second.
		select {
		case <-access.Ended():
			require.Fail(t, "the controller exited by itself", access.Tail())
		case <-time.After(time.Duration(random.IntN(500)) * time.Millisecond):
		}
	}
	converged(t, workspace)
	settled := func() []string {
		all, err := managed(t.Context(), func(metav1.Object) bool { return true })
		require.NoError(t, err)
		return all
	}
	before := settled()
	access.Kill()
	require.NoError(t, access.Start())
	last := register(t, v, "killed-last", "killed-last", nil)
	after := slices.DeleteFunc(settled(), func(line string) bool {
		return !slices.Contains(before, line) && (strings.Contains(line, last.registration) || strings.Contains(line, last.deploymentNamespace) || strings.Contains(line, last.secret))
	})
	creds := func(line string) bool { return strings.Contains(line, "-creds ") } // the right to fetch has changed
	require.Equal(t, slices.DeleteFunc(before, creds), slices.DeleteFunc(after, creds), "an object that was right was written again")
}

// converged waits until the managed objects of a workspace match its registrations exactly.
func converged(t *testing.T, workspace string) {
	t.Helper()
	poll.Eventually(t, patience, func(ctx context.Context) error {
		want, err := expected(ctx, workspace)
		if err != nil {
			return err
		}
		got, err := managed(ctx, func(o metav1.Object) bool { return belongs(o, workspace) })
		if err != nil {
			return err
		}
		for i, line := range got {
			got[i] = line[:strings.LastIndex(line, " ")]
		}
		missing := slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(got, line) })
		surplus := slices.DeleteFunc(got, func(line string) bool { return slices.Contains(want, line) })
		if len(missing)+len(surplus) > 0 {
			return fmt.Errorf("missing: %v; surplus: %v", missing, surplus)
		}
		return nil
	}, access.Tail)
}

// belongs reports whether an object belongs to a workspace's Clusters, tokens or
// registrations.
func belongs(o metav1.Object, workspace string) bool {
	notes := o.GetAnnotations()
	return o.GetNamespace() == workspace || notes["fleet.cattle.io/cluster-namespace"] == workspace || notes["fleet.cattle.io/cluster-registration-namespace"] == workspace ||
		strings.Contains(notes["muster.fleet.cattle.io/owner"], "/"+workspace+"/")
}

func expected(ctx context.Context, workspace string) ([]string, error) {
	const fetched = "cattle-fleet-clusters-system"
	var want []string
	add := func(format string, args ...any) { want = append(want, fmt.Sprintf(format, args...)) }
	api := fleet.FleetV1alpha1()
	clusters, err := api.Clusters(workspace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	homes := map[string]string{}
	for _, c := range clusters.Items {
		homes[c.Name] = c.Status.Namespace
		add("namespaces /%s", c.Status.Namespace)
	}
	tokens, err := api.ClusterRegistrationTokens(workspace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	fetchers := map[string]string{}
	for _, token := range tokens.Items {
		account := safeName(token.Name, string(token.UID))
		fetchers[token.Name] = account
		add("serviceaccounts %s/%s", workspace, account)
		add("secrets %s/%s-token", workspace, account)
		add("secrets %s/%s", workspace, token.Name)
		add("roles %s/%s", workspace, safeName(account, "role"))
		add("rolebindings %s/%s", workspace, safeName(account, "to", "role"))
	}
	registrations, err := api.ClusterRegistrations(workspace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	newest := map[string]metav1.Time{}
	for _, r := range registrations.Items {
		if at := newest[r.Spec.ClientID]; at.Before(&r.CreationTimestamp) {
			newest[r.Spec.ClientID] = r.CreationTimestamp
		}
	}
	for _, r := range registrations.Items {
		if at := newest[r.Spec.ClientID]; r.CreationTimestamp.Before(&at) {
			return nil, fmt.Errorf("%s is replaced, but still exists", r.Name)
		}
		if !r.Status.Granted {
			return nil, fmt.Errorf("%s is not granted", r.Name)
		}
		home, found := homes[r.Status.ClusterName]
		if !found {
			return nil, fmt.Errorf("the Cluster of %s is gone", r.Name)
		}
		account := safeName(r.Name, string(r.UID))
		add("serviceaccounts %s/%s", home, account)
		add("secrets %s/%s-token", home, account)
		add("secrets %s/%s", fetched, secretName(r.Spec.ClientID, r.Spec.ClientRandom))
		add("roles %s/%s", workspace, r.Name)
		add("rolebindings %s/%s", workspace, r.Name)
		add("rolebindings %s/%s", home, r.Name)
		add("clusterrolebindings /%s", safeName(r.Name, "content"))
		if account := fetchers[r.Labels["fleet.cattle.io/registration-token"]]; account != "" {
			for _, kind := range []string{"roles", "rolebindings"} {
				if line := fmt.Sprintf("%s %s/%s", kind, fetched, safeName(account, "creds")); !slices.Contains(want, line) {
					want = append(want, line)
				}
			}
		}
	}
	if len(registrations.Items) == 0 {
		return nil, errors.New("no registration is left: the test tests nothing")
	}
	return want, nil
}

// safeName is S 4.8's SafeConcat.
func safeName(parts ...string) string {
	full := strings.Join(parts, "-")
	if len(full) < 64 {
		return full
	}
	sum := sha256.Sum256([]byte(full))
	if c := full[56]; 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
		return full[:57] + "-" + hex.EncodeToString(sum[:])[:5]
	}
	return full[:56] + "-" + hex.EncodeToString(sum[:])[:6]
}

// A controller that does not know the fleet must not act as if the fleet were empty.
func TestAControllerThatCannotReadTheFleetRemovesNothing(t *testing.T) {
	const workspace = "blind"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "")
	c := register(t, v, "blind", "blind", nil)
	granted(t, workspace, c.registration)
	converged(t, workspace)
	mine := func(o metav1.Object) bool { return belongs(o, workspace) }
	before, err := managed(t.Context(), mine)
	require.NoError(t, err)
	access.Kill()
	store.Member(0).Pause()
	defer store.Member(0).Resume()
	require.NoError(t, access.Start())
	require.Never(t, func() bool {
		after, err := managed(context.Background(), mine)
		return err != nil || !slices.Equal(before, after)
	}, 5*time.Second, tick)
	store.Member(0).Resume()
	muster.WaitAvailable(t)
	// The controller works again.
	register(t, v, "blind-2", "blind-2", nil)
	after, err := managed(t.Context(), mine)
	require.NoError(t, err)
	require.Subset(t, after, slices.DeleteFunc(before, func(line string) bool { return strings.Contains(line, "-creds ") }))
}

func TestCredentialsCanBeFetchedOnlyForALimitedTime(t *testing.T) {
	const workspace = "for-a-while"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	access.Kill()
	short := newController(t, "short", "--registration-credential-lifetime=8s")
	require.NoError(t, short.Start())
	c := register(t, v, "for-a-while", "for-a-while", nil)
	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().Secrets(v.SystemRegistrationNamespace).Get(ctx, c.secret, metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("the credentials still exist: %w", err)
		}
		return nil
	}, access.Tail)
	requireRights(t, control.WithToken(v.Token), v.SystemRegistrationNamespace)
	_, err := clientset(t, c.config).FleetV1alpha1().BundleDeployments(c.deploymentNamespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err, "an agent that fetched them may continue to use them")
	require.Equal(t, v1alpha1.ClusterRegistrationStatus{ClusterName: c.clusterName, Granted: true}, granted(t, workspace, c.registration).Status)
	short.Kill()
	require.NoError(t, access.Start())
}
