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
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// Schemas of the definition, as OpenAPI has them.
type schema map[string]any

func of(kind string) schema { return schema{"type": kind} }

func object(properties schema) schema { return schema{"type": "object", "properties": properties} }

func list(item schema) schema { return schema{"type": "array", "items": item} }

// open is an object of any members: options are too many to write down, and what is
// not checked costs kube-apiserver less than what is.
func open() schema {
	return schema{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
}

func texts(names ...string) schema {
	out := schema{}
	for _, name := range names {
		out[name] = of("string")
	}
	return out
}

func numbers(names ...string) schema {
	out := schema{}
	for _, name := range names {
		out[name] = of("integer")
	}
	return out
}

func with(a schema, more schema) schema {
	for name, s := range more {
		a[name] = s
	}
	return a
}

// definition makes BundleDeployment a custom resource with a status subresource.
func definition() map[string]any {
	place := func() schema { return texts("kind", "apiVersion", "namespace", "name") }
	flag := of("boolean")
	spec := with(texts("stagedDeploymentID", "deploymentID", "valuesHash"), schema{
		"paused": flag, "offSchedule": flag, "waitingForValues": flag, "ociContents": flag,
		"stagedOptions": open(), "options": open(), "correctDrift": open(), "helmChartOptions": open(),
		"dependsOn": list(open()), "downstreamResourcesGeneration": of("integer"),
	})
	summary := with(texts("state"), schema{"error": flag, "transitioning": flag, "message": list(of("string"))})
	status := with(texts("appliedDeploymentID", "release"), schema{
		"conditions": list(object(texts("type", "status", "lastUpdateTime", "lastTransitionTime", "reason", "message"))),
		"ready":      flag, "nonModified": flag, "incompleteState": flag,
		"syncGeneration": of("integer"), "downstreamResourcesGeneration": of("integer"),
		"display":        object(texts("deployed", "monitored", "state")),
		"resources":      list(object(with(place(), texts("createdAt")))),
		"resourceCounts": object(numbers("ready", "desiredReady", "waitApplied", "modified", "orphaned", "missing", "unknown", "notReady")),
		"nonReadyStatus": list(object(with(place(), schema{"uid": of("string"), "summary": object(summary)}))),
		"modifiedStatus": list(object(with(place(), schema{"missing": flag, "exist": flag, "delete": flag, "patch": of("string")}))),
	})
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "bundledeployments." + v1alpha1.GroupName},
		"spec": map[string]any{
			"group": v1alpha1.GroupName, "scope": "Namespaced",
			"names": map[string]any{"plural": "bundledeployments", "singular": "bundledeployment", "kind": "BundleDeployment", "listKind": "BundleDeploymentList"},
			"versions": []any{map[string]any{
				"name": "v1alpha1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": object(schema{"spec": object(spec), "status": object(status)})},
			}},
		},
	}
}

// define makes kube-apiserver serve BundleDeployments itself.
func define(b *testing.B, control *cluster.ControlPlane, c versioned.Interface) {
	b.Helper()
	text, err := json.Marshal(definition())
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
