// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
)

// managed returns the objects in the core API with the label of managed objects, as sorted
// "RESOURCE NAMESPACE/NAME UID@VERSION".
func managed(ctx context.Context, wanted func(metav1.Object) bool) ([]string, error) {
	client, err := metadata.NewForConfig(control.Config)
	if err != nil {
		return nil, err
	}
	var found []string
	for group, names := range map[string][]string{
		corev1.GroupName: {"namespaces", "serviceaccounts", "secrets"},
		rbacv1.GroupName: {"roles", "rolebindings", "clusterrolebindings"},
	} {
		for _, name := range names {
			resource := schema.GroupVersionResource{Group: group, Version: "v1", Resource: name}
			list, err := client.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: "fleet.cattle.io/managed=true"})
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				if o := &list.Items[i]; wanted(o) {
					found = append(found, fmt.Sprintf("%s %s/%s %s@%s", name, o.Namespace, o.Name, o.UID, o.ResourceVersion))
				}
			}
		}
	}
	slices.Sort(found)
	return found, nil
}
