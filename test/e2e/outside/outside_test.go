// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/poll"
)

// knownHash is the hash of S 4.3 for its data.
const knownHash = "17e05a97acde825d03ca37c2b8fc1aecf3f8f9fde28c21702492c56d4d4a68f1"

func getDeployment(ctx context.Context, namespace, name string) (*v1alpha1.BundleDeployment, error) {
	return fleet.FleetV1alpha1().BundleDeployments(namespace).Get(ctx, name, metav1.GetOptions{})
}

// find returns an error unless a BundleDeployment exists.
func find(ctx context.Context, namespace, name string) error {
	_, err := getDeployment(ctx, namespace, name)
	return err
}

// gone turns "not found" into success.
func gone(err error) error {
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err == nil:
		return errors.New("it still exists")
	}
	return err
}

func TestNamespaceLabelsDecideTheSelectionOfAMapping(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "mapped-from")
	control.MakeNamespace(t, "mapped-to")
	own := makeCluster(t, "mapped-to", "c1")
	makeBundle(t, "mapped-from", "app", nil)
	mapping := &v1alpha1.BundleNamespaceMapping{ObjectMeta: metav1.ObjectMeta{Namespace: "mapped-from", Name: "m"}}
	mapping.BundleSelector = &metav1.LabelSelector{}
	mapping.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"fleet": "yes"}}
	_, err := fleet.FleetV1alpha1().BundleNamespaceMappings("mapped-from").Create(t.Context(), mapping, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, gone(find(t.Context(), own, "app")))
	label := func(value string) {
		patch := fmt.Sprintf(`{"metadata":{"labels":{"fleet":%s}}}`, value)
		_, err := control.Client.CoreV1().Namespaces().Patch(t.Context(), "mapped-to", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		require.NoError(t, err)
	}
	label(`"yes"`)
	poll.Eventually(t, patience, func(ctx context.Context) error { return find(ctx, own, "app") }, controller.Tail)
	label("null")
	poll.Eventually(t, patience, func(ctx context.Context) error { return gone(find(ctx, own, "app")) }, controller.Tail)
}

func TestABundleGetsItsValuesFromASecret(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "values")
	own := makeCluster(t, "values", "c1")
	makeBundle(t, "values", "app", func(spec *v1alpha1.BundleSpec) {
		spec.Targets[0].Name = "target"
		spec.ValuesHash = knownHash
	})
	ready := func(ctx context.Context) (string, error) {
		b, err := fleet.FleetV1alpha1().Bundles("values").Get(ctx, "app", metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		for _, c := range b.Status.Conditions {
			if c.Type == "Ready" {
				return c.Message, nil
			}
		}
		return "", nil
	}
	message, err := ready(t.Context())
	require.NoError(t, err)
	require.Equal(t, "waiting for the Secret values/app of type fleet.cattle.io/bundle-values/v1alpha1, whose values have the hash "+knownHash, message)
	require.NoError(t, gone(find(t.Context(), own, "app")))
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "values", Name: "app"}, Type: v1alpha1.SecretTypeBundleValues, Data: map[string][]byte{
		"values.yaml": []byte(`{"key":"value"}`), "target": []byte(`{"newkey":"value"}`),
	}}
	_, err = control.Client.CoreV1().Secrets("values").Create(t.Context(), secret, metav1.CreateOptions{})
	require.NoError(t, err)
	poll.Eventually(t, patience, func(ctx context.Context) error {
		bd, err := getDeployment(ctx, own, "app")
		if err == nil {
			require.Equal(t, map[string]any{"key": "value", "newkey": "value"}, bd.Spec.Options.Helm.Values.Data)
			require.Empty(t, bd.Spec.ValuesHash)
		}
		return err
	}, controller.Tail)
}

func TestADownstreamResourceLivesAsLongAsItsBundle(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "downstream")
	own := makeCluster(t, "downstream", "c1")
	source := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "downstream", Name: "s"}, Data: map[string][]byte{"k": []byte("one")}}
	source, err := control.Client.CoreV1().Secrets("downstream").Create(t.Context(), source, metav1.CreateOptions{})
	require.NoError(t, err)
	makeBundle(t, "downstream", "app", func(spec *v1alpha1.BundleSpec) {
		spec.DownstreamResources = []v1alpha1.DownstreamResource{{Kind: "Secret", Name: "s"}}
	})
	copied := func(value string, generation int64) {
		t.Helper()
		poll.Eventually(t, patience, func(ctx context.Context) error {
			have, err := control.Client.CoreV1().Secrets(own).Get(ctx, "s", metav1.GetOptions{})
			if err != nil {
				return err
			}
			bd, err := getDeployment(ctx, own, "app")
			if err != nil {
				return err
			}
			if string(have.Data["k"]) != value || bd.Spec.DownstreamResourcesGeneration != generation {
				return fmt.Errorf("the copy holds %q, at generation %d", have.Data["k"], bd.Spec.DownstreamResourcesGeneration)
			}
			require.Len(t, have.OwnerReferences, 1)
			require.Equal(t, bd.UID, have.OwnerReferences[0].UID)
			return nil
		}, controller.Tail)
	}
	copied("one", 1)
	source.Data["k"] = []byte("two")
	_, err = control.Client.CoreV1().Secrets("downstream").Update(t.Context(), source, metav1.UpdateOptions{})
	require.NoError(t, err)
	copied("two", 2)
	require.NoError(t, fleet.FleetV1alpha1().Bundles("downstream").Delete(t.Context(), "app", metav1.DeleteOptions{}))
	// Kubernetes' garbage collector deletes it, after it asks Muster whether the owner
	// exists.
	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := control.Client.CoreV1().Secrets(own).Get(ctx, "s", metav1.GetOptions{})
		return gone(err)
	}, controller.Tail)
}

func TestAWindowOpensAndCloses(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "windows")
	own := makeCluster(t, "windows", "c1")
	makeBundle(t, "windows", "app", nil)
	duration := v1alpha1.Duration("3s")
	s := &v1alpha1.Schedule{ObjectMeta: metav1.ObjectMeta{Namespace: "windows", Name: "s"}}
	s.Spec = v1alpha1.ScheduleSpec{Schedule: "*/6 * * * * *", Duration: &duration, Location: "Europe/Berlin"}
	s.Spec.Targets.Clusters = []v1alpha1.ScheduleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	_, err := fleet.FleetV1alpha1().Schedules("windows").Create(t.Context(), s, metav1.CreateOptions{})
	require.NoError(t, err)
	becomes := func(off bool) {
		t.Helper()
		poll.Eventually(t, patience, func(ctx context.Context) error {
			bd, err := getDeployment(ctx, own, "app")
			if err == nil && bd.Spec.OffSchedule != off {
				err = fmt.Errorf("offSchedule is %t", bd.Spec.OffSchedule)
			}
			return err
		}, controller.Tail)
	}
	becomes(true)
	becomes(false)
	becomes(true)
	require.NoError(t, fleet.FleetV1alpha1().Schedules("windows").Delete(t.Context(), "s", metav1.DeleteOptions{}))
	poll.Eventually(t, patience, func(ctx context.Context) error {
		c, err := fleet.FleetV1alpha1().Clusters("windows").Get(ctx, "c1", metav1.GetOptions{})
		if err == nil && (c.Status.Scheduled || c.Status.ActiveSchedule) {
			err = errors.New("the Cluster is still scheduled")
		}
		return err
	}, controller.Tail)
}
