// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

const tick = 100 * time.Millisecond

func makeCluster(t cluster.T, workspace, name string, labels map[string]string) *v1alpha1.Cluster {
	t.Helper()
	_, err := fleet.FleetV1alpha1().Clusters(workspace).Create(t.Context(), &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	require.NoError(t, err)
	made, err := fleet.FleetV1alpha1().Clusters(workspace).Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	return made
}

func home(ctx context.Context, name string) (*corev1.Namespace, error) {
	return control.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
}

func waitForNamespace(t cluster.T, name string) *corev1.Namespace {
	t.Helper()
	var found *corev1.Namespace
	poll.Eventually(t, patience, func(ctx context.Context) (err error) {
		if found, err = home(ctx, name); err == nil && found.DeletionTimestamp != nil {
			err = errors.New("it is being deleted")
		}
		return err
	}, access.Tail)
	return found
}

func waitUntilGone(t cluster.T, namespace string) {
	t.Helper()
	poll.Eventually(t, patience, func(ctx context.Context) error {
		if _, err := home(ctx, namespace); !apierrors.IsNotFound(err) {
			return fmt.Errorf("namespace %s exists: %w", namespace, err)
		}
		return nil
	}, access.Tail)
}

// The known answers are those of S 4.3.
func TestAClusterHasTheNamespaceOfTheKnownAnswers(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "fleet-default")
	for name, want := range map[string]string{
		"prod-eu-1": "cluster-fleet-default-prod-eu-1-eb998a50c712",
		"a-very-long-cluster-name-for-a-test-0123456789": "cluster-fleet-default-a-very-long-cluster-name-for-a-test-59462",
	} {
		made := makeCluster(t, "fleet-default", name, nil)
		require.Equal(t, want, made.Status.Namespace)
		waitForNamespace(t, want)
	}
}

func TestAnExistingNamespaceIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	const workspace = "untouched"
	control.MakeNamespace(t, workspace)
	// This is the name that a Cluster with this name will have.
	probe := makeCluster(t, workspace, "probe", nil)
	waitForNamespace(t, probe.Status.Namespace)
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "probe", metav1.DeleteOptions{}))
	waitUntilGone(t, probe.Status.Namespace)

	control.MakeNamespace(t, probe.Status.Namespace)
	before, err := home(t.Context(), probe.Status.Namespace)
	require.NoError(t, err)
	makeCluster(t, workspace, "probe", nil)
	// Once a later Cluster has its namespace, the controller has seen this one.
	later := makeCluster(t, workspace, "later", nil)
	waitForNamespace(t, later.Status.Namespace)
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "probe", metav1.DeleteOptions{}))
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "later", metav1.DeleteOptions{}))
	waitUntilGone(t, later.Status.Namespace)
	after, err := home(t.Context(), probe.Status.Namespace)
	require.NoError(t, err)
	require.Equal(t, before.ObjectMeta, after.ObjectMeta, "it is not deleted with a Cluster that it was not made for")
}

// Before a migration ends, or before objects are restored, Muster knows no Cluster. So it
// removes an object that Fleet made only with a Cluster whose deletion it saw.
func TestObjectsOfFleetWithUnknownOwnersAreKept(t *testing.T) {
	t.Parallel()
	const workspace = "from-fleet"
	control.MakeNamespace(t, workspace)
	made := func(cluster string) *corev1.Namespace {
		t.Helper()
		namespace, err := control.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: homeOf(workspace, cluster), Labels: map[string]string{"fleet.cattle.io/managed": "true"},
			Annotations: map[string]string{"fleet.cattle.io/cluster-namespace": workspace, "fleet.cattle.io/cluster": cluster},
		}}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = control.Client.CoreV1().ServiceAccounts(namespace.Name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			Name: "request", Labels: map[string]string{"fleet.cattle.io/managed": "true"},
			Annotations: map[string]string{"fleet.cattle.io/cluster": cluster, "fleet.cattle.io/cluster-registration": "request-" + cluster, "fleet.cattle.io/cluster-registration-namespace": workspace},
		}}, metav1.CreateOptions{})
		require.NoError(t, err)
		return namespace
	}
	stays, goes := made("stays"), made("goes")
	makeCluster(t, workspace, "goes", nil)
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "goes", metav1.DeleteOptions{}))
	waitUntilGone(t, goes.Name)
	after, err := home(t.Context(), stays.Name)
	require.NoError(t, err)
	require.Equal(t, stays.UID, after.UID)
	require.Nil(t, after.DeletionTimestamp)
	_, err = control.Client.CoreV1().ServiceAccounts(stays.Name).Get(t.Context(), "request", metav1.GetOptions{})
	require.NoError(t, err)
}

// homeOf returns the namespace of a Cluster, by S 4.8.
func homeOf(workspace, cluster string) string {
	sum := sha256.Sum256([]byte(workspace + "::" + cluster))
	return safeName("cluster", workspace, cluster, hex.EncodeToString(sum[:])[:12])
}

// A user who may write the labels of a Namespace or a ServiceAccount need not have the
// right to delete it.
func TestAForgedMarkDoesNotRemoveAnotherOwnersObject(t *testing.T) {
	t.Parallel()
	const workspace, cluster, theirs = "marked", "gone", "another-owners"
	control.MakeNamespace(t, workspace)
	control.MakeNamespace(t, theirs)
	own := waitForNamespace(t, makeCluster(t, workspace, cluster, nil).Status.Namespace)
	require.Equal(t, homeOf(workspace, cluster), own.Name)
	namespace, err := home(t.Context(), theirs)
	require.NoError(t, err)
	namespace.Labels["fleet.cattle.io/managed"] = "true"
	namespace.Annotations = own.Annotations
	_, err = control.Client.CoreV1().Namespaces().Update(t.Context(), namespace, metav1.UpdateOptions{})
	require.NoError(t, err)
	account, err := control.Client.CoreV1().ServiceAccounts(theirs).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
		Name: "robot", Labels: namespace.Labels, Annotations: own.Annotations,
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), cluster, metav1.DeleteOptions{}))
	waitUntilGone(t, own.Name)
	poll.Eventually(t, patience, func(context.Context) error {
		if !strings.Contains(access.Log(), "has no name that this owner would give it") {
			return errors.New("the log does not say so")
		}
		return nil
	}, access.Tail)
	after, err := home(t.Context(), theirs)
	require.NoError(t, err)
	require.Nil(t, after.DeletionTimestamp)
	kept, err := control.Client.CoreV1().ServiceAccounts(theirs).Get(t.Context(), "robot", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, account.UID, kept.UID)
}

func TestAClusterThatAnotherSystemManagesGetsNoNamespace(t *testing.T) {
	t.Parallel()
	const workspace = "foreign-managed"
	control.MakeNamespace(t, workspace)
	managed := makeCluster(t, workspace, "theirs", map[string]string{"fleet.cattle.io/cluster-management": "other"})
	require.Empty(t, managed.Status.Namespace)
	waitForNamespace(t, makeCluster(t, workspace, "ours", nil).Status.Namespace)
	all, err := control.Client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{LabelSelector: "fleet.cattle.io/managed=true"})
	require.NoError(t, err)
	for _, namespace := range all.Items {
		require.NotEqual(t, "theirs", namespace.Annotations["fleet.cattle.io/cluster"])
	}
	// Once the other system hands it over, it gets one.
	_, err = fleet.FleetV1alpha1().Clusters(workspace).Patch(t.Context(), "theirs", "application/merge-patch+json", []byte(`{"metadata":{"labels":{"fleet.cattle.io/cluster-management":null}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	given, err := fleet.FleetV1alpha1().Clusters(workspace).Get(t.Context(), "theirs", metav1.GetOptions{})
	require.NoError(t, err)
	waitForNamespace(t, given.Status.Namespace)
}

func TestADeletedNamespaceComesBack(t *testing.T) {
	t.Parallel()
	const workspace = "comes-back"
	control.MakeNamespace(t, workspace)
	made := makeCluster(t, workspace, "c", nil)
	first := waitForNamespace(t, made.Status.Namespace)
	require.NoError(t, control.Client.CoreV1().Namespaces().Delete(t.Context(), first.Name, metav1.DeleteOptions{}))
	poll.Eventually(t, patience, func(ctx context.Context) error {
		now, err := home(ctx, first.Name)
		if err == nil && now.UID == first.UID {
			err = errors.New("it is still the old one")
		}
		return err
	}, access.Tail)
}

func TestDeletingAClusterDeletesItsNamespaceAndAgentRights(t *testing.T) {
	t.Parallel()
	const workspace = "goes"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	gone, stays := register(t, v, "goes", "1", nil), register(t, v, "stays", "2", nil)
	r := granted(t, workspace, gone.registration)
	granted(t, workspace, stays.registration)
	before, err := managed(t.Context(), func(o metav1.Object) bool { return of(o, stays) })
	require.NoError(t, err)
	require.Len(t, before, 8)
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), gone.clusterName, metav1.DeleteOptions{}))
	waitUntilGone(t, gone.deploymentNamespace)
	poll.Eventually(t, patience, func(ctx context.Context) error {
		if _, err := fleet.FleetV1alpha1().ClusterRegistrations(workspace).Get(ctx, gone.registration, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the registration still exists: %w", err)
		}
		left, err := managed(ctx, func(o metav1.Object) bool { return of(o, gone) })
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%v still exists", left)
		}
		return errors.Join(err, absent(ctx, r, gone))
	}, access.Tail)
	after, err := managed(t.Context(), func(o metav1.Object) bool { return of(o, stays) })
	require.NoError(t, err)
	require.Equal(t, before, after, "the objects of another Cluster are untouched")
}

// of reports whether an object was made for a registration or its Cluster.
func of(o metav1.Object, c credential) bool {
	notes := o.GetAnnotations()
	return notes["fleet.cattle.io/cluster-registration"] == c.registration && notes["fleet.cattle.io/cluster-registration-namespace"] == c.clusterNamespace ||
		notes["fleet.cattle.io/cluster"] == c.clusterName && notes["fleet.cattle.io/cluster-namespace"] == c.clusterNamespace
}

// The agent chooses the name of its registration.
func TestARegistrationCannotTakeAnObjectOfAnotherOwner(t *testing.T) {
	t.Parallel()
	const workspace = "squatters"
	control.MakeNamespace(t, workspace)
	v := makeToken(t, workspace, "join", "1h")
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}}}
	_, err := control.Client.RbacV1().Roles(workspace).Create(t.Context(), &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "admin"}, Rules: rules}, metav1.CreateOptions{})
	require.NoError(t, err)
	var r *v1alpha1.ClusterRegistration
	poll.Eventually(t, patience, func(ctx context.Context) (err error) {
		r, err = clientset(t, control.WithToken(v.Token)).FleetV1alpha1().ClusterRegistrations(workspace).Create(ctx, &v1alpha1.ClusterRegistration{
			ObjectMeta: metav1.ObjectMeta{Name: "admin"}, Spec: v1alpha1.ClusterRegistrationSpec{ClientID: "squatter", ClientRandom: "1"},
		}, metav1.CreateOptions{})
		return err
	}, access.Tail)
	register(t, v, "squatters-honest", "2", nil)
	require.Never(t, func() bool {
		r, err = fleet.FleetV1alpha1().ClusterRegistrations(workspace).Get(context.Background(), r.Name, metav1.GetOptions{})
		return err != nil || r.Status.Granted
	}, 2*time.Second, tick)
	role, err := control.Client.RbacV1().Roles(workspace).Get(t.Context(), "admin", metav1.GetOptions{})
	require.NoError(t, err)
	require.Equal(t, rules, role.Rules)
	_, err = control.Client.RbacV1().RoleBindings(workspace).Get(t.Context(), "admin", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err))
	// Once the other object is gone, the registration is granted.
	require.NoError(t, control.Client.RbacV1().Roles(workspace).Delete(t.Context(), "admin", metav1.DeleteOptions{}))
	granted(t, workspace, "admin")
}

// TestTheAgentBundleOfADeletedClusterGoesWithIt deletes a Cluster as it is where Fleet's
// agentmanagement and controllers worked on it before: with a finalizer, and with an agent
// Bundle that agentmanagement made.
func TestTheAgentBundleOfADeletedClusterGoesWithIt(t *testing.T) {
	t.Parallel()
	const workspace = "managed-by-fleet"
	control.MakeNamespace(t, workspace)
	agent := func(name string) {
		t.Helper()
		b := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{
			Name: "fleet-agent-" + name, Finalizers: []string{v1alpha1.FinalizerBundle}, Annotations: map[string]string{"objectset.rio.cattle.io/id": "fleet-manage-agent"},
		}}
		b.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterName: name}}}
		_, err := fleet.FleetV1alpha1().Bundles(workspace).Create(t.Context(), b, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	var spaces []string
	for _, name := range []string{"goes", "stays"} {
		c := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Finalizers: []string{v1alpha1.FinalizerCluster}}}
		_, err := fleet.FleetV1alpha1().Clusters(workspace).Create(t.Context(), c, metav1.CreateOptions{})
		require.NoError(t, err)
		made, err := fleet.FleetV1alpha1().Clusters(workspace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
		spaces = append(spaces, made.Status.Namespace)
		waitForNamespace(t, made.Status.Namespace)
		agent(name)
	}
	require.NoError(t, fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "goes", metav1.DeleteOptions{}))
	waitUntilGone(t, spaces[0])
	poll.Eventually(t, patience, func(ctx context.Context) error {
		if _, err := fleet.FleetV1alpha1().Bundles(workspace).Get(ctx, "fleet-agent-goes", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			return fmt.Errorf("the agent Bundle still exists: %w", err)
		}
		return nil
	}, access.Tail)
	_, err := fleet.FleetV1alpha1().Bundles(workspace).Get(t.Context(), "fleet-agent-stays", metav1.GetOptions{})
	require.NoError(t, err)
	waitForNamespace(t, spaces[1])
}
