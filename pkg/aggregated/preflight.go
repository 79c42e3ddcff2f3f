// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// ErrTaken means that something else serves the group in this cluster.
var ErrTaken = errors.New("the group is served by something else")

var (
	apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// apiServiceName is the one APIService of the group.
func apiServiceName() string {
	return v1alpha1.SchemeGroupVersion.Version + "." + v1alpha1.SchemeGroupVersion.Group
}

// checkGroup fails with ErrTaken if kube-apiserver itself serves the group,
// which it does for CustomResourceDefinitions. It then keeps an APIService for it
// that names no Service. One that names a Service is Muster's, or takes over
// from another server as the operator wants it.
//
// It reads one object, which is all that the server has a right to.
func checkGroup(ctx context.Context, client dynamic.Interface) error {
	found, err := client.Resource(apiServices).Get(ctx, apiServiceName(), metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("cannot tell whether something else serves %s here: read APIService %s: %w", v1alpha1.SchemeGroupVersion.Group, apiServiceName(), err)
	}
	if _, remote, _ := unstructured.NestedMap(found.Object, "spec", "service"); remote {
		return nil
	}
	return fmt.Errorf("%w: CustomResourceDefinitions of %s exist in this cluster, as Fleet installs them. "+
		"Muster in their place would hide every object that is stored there, and agents would uninstall what they deployed. "+
		"\"muster-apiserver preflight\" lists them; artifacts/docs/install.md says how to move from Fleet to Muster", ErrTaken, v1alpha1.SchemeGroupVersion.Group)
}

// Preflight says, for a person who has more rights than the server, whether
// Muster can be installed in a cluster, and what stands in the way.
func Preflight(ctx context.Context, config *rest.Config, say func(format string, args ...any)) error {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := checkGroup(ctx, client); err == nil {
		say("ok: nothing else serves %s in this cluster", v1alpha1.SchemeGroupVersion.Group)
		return nil
	} else if !errors.Is(err, ErrTaken) {
		return err
	}
	if err := describeDefinitions(ctx, client, say); err != nil {
		return err
	}
	return fmt.Errorf("%w: CustomResourceDefinitions of %s", ErrTaken, v1alpha1.SchemeGroupVersion.Group)
}

// describeDefinitions lists the group's CustomResourceDefinitions, how many
// objects each has, and what to do.
func describeDefinitions(ctx context.Context, client dynamic.Interface, say func(format string, args ...any)) error {
	list, err := client.Resource(definitions).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list CustomResourceDefinitions: %w", err)
	}
	say("not ok: CustomResourceDefinitions serve %s here, and would be hidden by Muster's APIService:", v1alpha1.SchemeGroupVersion.Group)
	var names []string
	for _, item := range list.Items {
		group, _, _ := unstructured.NestedString(item.Object, "spec", "group")
		plural, _, _ := unstructured.NestedString(item.Object, "spec", "names", "plural")
		if group != v1alpha1.SchemeGroupVersion.Group {
			continue
		}
		names = append(names, item.GetName())
		objects, err := client.Resource(v1alpha1.SchemeGroupVersion.WithResource(plural)).List(ctx, metav1.ListOptions{})
		if err != nil {
			say("  %-50s (its objects cannot be counted: %v)", item.GetName(), err)
			continue
		}
		say("  %-50s %d objects", item.GetName(), len(objects.Items))
	}
	say("Nothing has been changed. To move from Fleet to Muster: save the objects, stop Fleet's controllers and agents, then remove the definitions,")
	say("  kubectl delete crd %s", strings.Join(names, " "))
	say("and install Muster; artifacts/docs/install.md has the steps in their order. Agents that run meanwhile would uninstall what they deployed.")
	return nil
}
