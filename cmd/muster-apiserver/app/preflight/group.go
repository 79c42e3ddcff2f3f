// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// errTaken means that another server, or kube-apiserver itself, serves the group here.
var errTaken = errors.New("the group is served by something else")

var (
	apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// apiServiceName is the name of the group's only APIService.
var apiServiceName = v1alpha1.SchemeGroupVersion.Version + "." + v1alpha1.SchemeGroupVersion.Group

// CheckGroup fails with errTaken if kube-apiserver itself serves the group, as it does for
// CustomResourceDefinitions: the group's APIService then names no Service. One that names
// a Service is Muster's, or belongs to another server that the operator wants to replace.
//
// It reads one object, the only one that the server has a right to.
func CheckGroup(ctx context.Context, client dynamic.Interface) error {
	found, err := client.Resource(apiServices).Get(ctx, apiServiceName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("find out whether something else serves %s here: read APIService %s: %w", v1alpha1.SchemeGroupVersion.Group, apiServiceName, err)
	}
	if _, remote, _ := unstructured.NestedMap(found.Object, "spec", "service"); remote {
		return nil
	}
	return fmt.Errorf("%w: CustomResourceDefinitions of %s exist in this cluster, as Fleet installs them. "+
		"Muster would hide every object that is stored there, and agents would uninstall what they deployed. "+
		"\"muster-apiserver preflight\" lists them; docs/install.md says how to move from Fleet to Muster", errTaken, v1alpha1.SchemeGroupVersion.Group)
}
