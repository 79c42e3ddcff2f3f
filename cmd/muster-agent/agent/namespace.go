// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// allowed checks the labels of the target namespace against the selector of allowed
// namespaces.
func (a *Agent) allowed(ctx context.Context, bd *v1alpha1.BundleDeployment) error {
	selector := bd.Spec.Options.AllowedTargetNamespaceSelector
	if selector == nil {
		return nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return err
	}
	name, _ := helm.Key(bd.Name, &bd.Spec.Options)
	namespace, err := a.down.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("target namespace %s does not exist on downstream cluster", name)
	}
	if err == nil && !parsed.Matches(labels.Set(namespace.Labels)) {
		return fmt.Errorf("target namespace %s does not match AllowedTargetNamespaceSelector (%s)", name, parsed)
	}
	return err
}

// decorate gives the target namespace the labels and annotations that the options name, in
// place of its own.
func (a *Agent) decorate(ctx context.Context, bd *v1alpha1.BundleDeployment) error {
	options := &bd.Spec.Options
	if options.NamespaceLabels == nil && options.NamespaceAnnotations == nil {
		return nil
	}
	name, _ := helm.Key(bd.Name, options)
	namespace, err := a.down.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	wanted := namespace.DeepCopy()
	if options.NamespaceLabels != nil {
		wanted.Labels = maps.Clone(options.NamespaceLabels)
		for key, value := range namespace.Labels {
			if key == corev1.LabelMetadataName || strings.HasPrefix(key, "pod-security.kubernetes.io/") {
				wanted.Labels[key] = value
			}
		}
	}
	if options.NamespaceAnnotations != nil {
		wanted.Annotations = maps.Clone(options.NamespaceAnnotations)
	}
	if equality.Semantic.DeepEqual(namespace, wanted) {
		return nil
	}
	_, err = a.down.CoreV1().Namespaces().Update(ctx, wanted, metav1.UpdateOptions{})
	return err
}

// copyDown copies the downstream resources from the agent's namespace into the target
// namespace (S 4.7). A changed copy requires a new deployment.
func (a *Agent) copyDown(ctx context.Context, bd *v1alpha1.BundleDeployment) (changed bool, err error) {
	resources := bd.Spec.Options.DownstreamResources
	target, _ := helm.Key(bd.Name, &bd.Spec.Options)
	if len(resources) > 0 {
		made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: target}}
		if _, err := a.down.CoreV1().Namespaces().Create(ctx, made, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return false, err
		}
	}
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: target, Name: name, Labels: map[string]string{v1alpha1.LabelBundleDeployment: bd.Name}}
	}
	for _, r := range resources {
		var one bool
		switch strings.ToLower(r.Kind) {
		case "secret":
			source, err := a.up.Secret(ctx, bd.Namespace, r.Name)
			if err != nil {
				return false, err
			}
			one, err = put(ctx, a.down.CoreV1().Secrets(target), &corev1.Secret{ObjectMeta: meta(r.Name), Type: source.Type, Data: source.Data},
				func(was *corev1.Secret) map[string]any { return map[string]any{"data": was.Data} })
			if err != nil {
				return false, err
			}
		case "configmap":
			source, err := a.up.ConfigMap(ctx, bd.Namespace, r.Name)
			if err != nil {
				return false, err
			}
			one, err = put(ctx, a.down.CoreV1().ConfigMaps(target), &corev1.ConfigMap{ObjectMeta: meta(r.Name), Data: source.Data, BinaryData: source.BinaryData},
				func(was *corev1.ConfigMap) map[string]any {
					return map[string]any{"data": was.Data, "binaryData": was.BinaryData}
				})
			if err != nil {
				return false, err
			}
		default:
			return false, fmt.Errorf("unsupported kind for downstream resource: %q", r.Kind)
		}
		changed = changed || one
	}
	bd.Status.DownstreamResourcesGeneration = bd.Spec.DownstreamResourcesGeneration
	return changed, nil
}

// putter is a client of one kind in one namespace.
type putter[T metav1.Object] interface {
	Get(ctx context.Context, name string, options metav1.GetOptions) (T, error)
	Create(ctx context.Context, object T, options metav1.CreateOptions) (T, error)
	Patch(ctx context.Context, name string, kind types.PatchType, data []byte, options metav1.PatchOptions, subresources ...string) (T, error)
}

// put creates an object, or replaces it if its content differs.
func put[T metav1.Object](ctx context.Context, client putter[T], wanted T, content func(T) map[string]any) (changed bool, err error) {
	was, err := client.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = client.Create(ctx, wanted, metav1.CreateOptions{})
		return true, err
	}
	if err != nil || equality.Semantic.DeepEqual(content(was), content(wanted)) {
		return false, err
	}
	var operations []map[string]any
	for key, value := range content(wanted) {
		operations = append(operations, map[string]any{"op": "add", "path": "/" + key, "value": value})
	}
	patch, err := json.Marshal(operations)
	if err != nil {
		return false, err
	}
	_, err = client.Patch(ctx, wanted.GetName(), types.JSONPatchType, patch, metav1.PatchOptions{})
	return true, err
}
