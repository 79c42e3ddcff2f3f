// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateLastApplied returns an error with the fix if "kubectl apply" cannot keep its copy
// of an object. A Bundle is often larger than annotations may be, and the error that they
// are too long means little to a user who wrote none.
func validateLastApplied(meta metav1.Object) field.ErrorList {
	annotations := meta.GetAnnotations()
	if _, applied := annotations[corev1.LastAppliedConfigAnnotation]; !applied || apivalidation.ValidateAnnotationsSize(annotations) == nil {
		return nil
	}
	return field.ErrorList{field.Forbidden(
		field.NewPath("metadata", "annotations").Key(corev1.LastAppliedConfigAnnotation),
		"kubectl apply keeps a copy of the object in this annotation, which is too small for it: use kubectl apply --server-side")}
}
