// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install registers the API group fleet.cattle.io with a server's scheme. It holds
// one function, which programs call while they set up a scheme: a scheme must not change
// once it is in use.
package install

import (
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Install registers all kinds of the group as versioned and as internal kinds, registers
// their defaults, and makes v1alpha1 the preferred version. It panics if the scheme has
// other kinds with the same names.
func Install(scheme *runtime.Scheme) {
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddHubToScheme(scheme))
	utilruntime.Must(scheme.SetVersionPriority(v1alpha1.SchemeGroupVersion))
}
