// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"
)

// inventory holds objects of the cluster, each as "RESOURCE NAMESPACE/NAME".
type inventory map[string]bool

// transient are resources whose objects come and go by themselves.
var transient = []string{"events", "endpoints", "endpointslices"}

// list returns all objects of the cluster.
func list(t *testing.T) inventory {
	t.Helper()
	client, err := metadata.NewForConfig(control.Config)
	require.NoError(t, err)
	groups, err := discovery.ServerPreferredResources(control.Client.Discovery())
	require.NoError(t, err)
	found := inventory{}
	for _, group := range groups {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		require.NoError(t, err)
		for _, resource := range group.APIResources {
			if !slices.Contains(resource.Verbs, "list") || slices.Contains(transient, resource.Name) {
				continue
			}
			objects, err := client.Resource(version.WithResource(resource.Name)).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err, resource.Name)
			for _, object := range objects.Items {
				found[resource.Name+" "+strings.TrimPrefix(object.Namespace+"/"+object.Name, "/")] = true
			}
		}
	}
	return found
}

// since returns the objects that did not exist before, sorted, without those that
// Kubernetes puts into each namespace.
func (now inventory) since(before inventory) []string {
	var added []string
	for object := range now {
		account := strings.HasPrefix(object, "serviceaccounts ") && strings.HasSuffix(object, "/default")
		if before[object] || account || strings.HasSuffix(object, "/kube-root-ca.crt") {
			continue
		}
		added = append(added, object)
	}
	slices.Sort(added)
	return added
}
