// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// warnName returns a warning if nothing can be deployed under the name of a new object: a
// custom resource may have the name, but a name derived from it is not valid. Names never
// change, so updates get no warning.
func warnName(obj runtime.Object) []string {
	var why string
	switch obj := obj.(type) {
	case *v1alpha1.Bundle:
		why = derive.BarredBundle(obj.Name)
	case *v1alpha1.Cluster:
		namespace := names.ClusterNamespace(obj.Namespace, obj.Name)
		if obj.Labels[v1alpha1.LabelClusterManagement] != "" {
			namespace = "" // another system sets the namespace
		}
		why = derive.BarredCluster(obj.Name, namespace)
	case *v1alpha1.GitRepo:
		why = tooLongForLabel(obj.Name, v1alpha1.LabelRepoName)
	case *v1alpha1.HelmOp:
		why = tooLongForLabel(obj.Name, v1alpha1.LabelHelmOpName)
	}
	if why == "" {
		return nil
	}
	return []string{why}
}

// tooLongForLabel returns why the Bundles of an object cannot be labelled with its name.
func tooLongForLabel(name, label string) string {
	if len(validation.IsValidLabelValue(name)) == 0 {
		return ""
	}
	return fmt.Sprintf("metadata.name has %d characters, and the label %s of its Bundles takes %d at most, so no Bundle can be created: use a shorter name",
		len(name), label, validation.LabelValueMaxLength)
}
