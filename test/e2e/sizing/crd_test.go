// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sizing

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// define makes kube-apiserver serve BundleDeployments itself.
func define(b *testing.B, control *cluster.ControlPlane, c versioned.Interface) {
	b.Helper()
	text, err := json.Marshal(custom.Definition(v1alpha1.GroupName))
	require.NoError(b, err)
	file := filepath.Join(b.TempDir(), "definition.json")
	require.NoError(b, os.WriteFile(file, text, 0o600))
	_, _, err = control.Kubectl("apply", "-f", file)
	require.NoError(b, err)
	require.Eventually(b, func() bool {
		_, err := c.FleetV1alpha1().BundleDeployments(namespace).List(b.Context(), metav1.ListOptions{Limit: 1})
		return err == nil
	}, time.Minute, 100*time.Millisecond, "kube-apiserver does not serve the custom resource")
}

// place makes namespaces, and in each a custom resource of every BundleDeployment
// that Muster showed in the first.
func place(b *testing.B, control *cluster.ControlPlane, c versioned.Interface, homes []string, shown []v1alpha1.BundleDeployment) {
	b.Helper()
	each(b, len(homes), func(ctx context.Context, i int) error {
		_, err := control.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: homes[i]}}, metav1.CreateOptions{})
		return err
	})
	// Controllers put something into every new namespace: not while it is measured.
	require.Eventually(b, func() bool {
		accounts, err := control.Client.CoreV1().ServiceAccounts("").List(b.Context(), metav1.ListOptions{FieldSelector: "metadata.name=default"})
		if err != nil || len(accounts.Items) < len(homes) {
			return false
		}
		roots, err := control.Client.CoreV1().ConfigMaps("").List(b.Context(), metav1.ListOptions{FieldSelector: "metadata.name=kube-root-ca.crt"})
		return err == nil && len(roots.Items) >= len(homes)
	}, 10*time.Minute, time.Second, "the controllers of namespaces do not come to an end")
	each(b, len(homes)*len(shown), func(ctx context.Context, i int) error {
		from := &shown[i%len(shown)]
		bd := &v1alpha1.BundleDeployment{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: homes[i/len(shown)], Name: from.Name,
				Labels: from.Labels, Annotations: from.Annotations, Finalizers: from.Finalizers,
			},
			Spec: *from.Spec.DeepCopy(),
		}
		// The client has no Create: Muster's BundleDeployments cannot be created.
		return c.FleetV1alpha1().RESTClient().Post().Namespace(bd.Namespace).Resource("bundledeployments").Body(bd).Do(ctx).Error()
	})
}
