// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "k8s.io/apimachinery/pkg/runtime"

// addDefaultingFuncs registers what the +default markers of the types say. Only
// spec.targetCustomizationMode of Bundle and HelmOp has one (S 1.2): every other
// default is applied where the value is used, so that a stored object says only
// what its author said.
func addDefaultingFuncs(scheme *runtime.Scheme) error {
	return RegisterDefaults(scheme)
}
