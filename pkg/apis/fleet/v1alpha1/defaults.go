// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// addDefaultingFuncs registers the defaults of the +default markers. Only
// spec.targetCustomizationMode of Bundle and HelmOp has one (S 1.2). Every other default is
// applied where the value is used, so that a stored object holds only what its author
// wrote.
func addDefaultingFuncs(scheme *runtime.Scheme) error {
	return RegisterDefaults(scheme)
}
