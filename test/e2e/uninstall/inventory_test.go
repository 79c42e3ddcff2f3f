// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/musterfleet/muster/test/poll"
)

// inventory holds objects of the cluster, each as "RESOURCE NAMESPACE/NAME".
type inventory map[string]bool

// transient are resources whose objects come and go by themselves.
var transient = []string{"events", "endpoints", "endpointslices"}

// list returns all objects of the cluster. It fails while discovery names a group that is
// gone.
func list(ctx context.Context) (inventory, error) {
	client, err := metadata.NewForConfig(control.Config)
	if err != nil {
		return nil, err
	}
	groups, err := discovery.ServerPreferredResources(control.Client.Discovery())
	if err != nil {
		return nil, err
	}
	found := inventory{}
	for _, group := range groups {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range group.APIResources {
			if !slices.Contains(resource.Verbs, "list") || slices.Contains(transient, resource.Name) {
				continue
			}
			objects, err := client.Resource(version.WithResource(resource.Name)).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", resource.Name, err)
			}
			for _, object := range objects.Items {
				found[resource.Name+" "+strings.TrimPrefix(object.Namespace+"/"+object.Name, "/")] = true
			}
		}
	}
	return found, nil
}

// awaitSince waits until the objects that did not exist before are as a test wants them, and
// returns them. Kubernetes collects garbage, and forgets groups, after it has answered.
func awaitSince(t *testing.T, before inventory, want func(added []string) error) []string {
	t.Helper()
	var added []string
	poll.Eventually(t, patience, func(ctx context.Context) error {
		now, err := list(ctx)
		if err != nil {
			return err
		}
		added = now.since(before)
		return want(added)
	})
	return added
}

// exactly wants certain objects.
func exactly(want []string) func(added []string) error {
	return func(added []string) error {
		if !slices.Equal(want, added) {
			return fmt.Errorf("the cluster has %q, not %q", added, want)
		}
		return nil
	}
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
