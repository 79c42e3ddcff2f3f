// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"regexp"
	"strings"
	"sync"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	apimachineryversion "k8s.io/apimachinery/pkg/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	basecompatibility "k8s.io/component-base/compatibility"
	baseversion "k8s.io/component-base/version"
)

// version is set by the build:
//
//	-ldflags "-X github.com/musterfleet/muster/pkg/registry/server.version=v0.4.0"
//
// It is not kube-apiserver's variable in k8s.io/component-base, which decides which
// Kubernetes is emulated: v0.4.0 there would switch off every feature newer than Kubernetes
// 0.3.
var version = "unknown"

// Version returns the version of Muster, "unknown" in a build without one.
func Version() string { return version }

// kubeFloor is the oldest Kubernetes that may be emulated: three releases back, as upstream
// allows.
const kubeFloor = "1.34"

// Component is the name of Muster among the components of a process, as in
// --feature-gates=muster:Name=true.
const Component = "muster"

// Components returns the registry of this process. It has one component, with the
// Kubernetes release that it emulates and the API machinery's feature gates. It does not
// use compatibility.DefaultComponentGlobalsRegistry, which takes its release from the build
// (see version). A program may add its flags and Set it, once.
var Components = sync.OnceValue(func() basecompatibility.ComponentGlobalsRegistry {
	registry := basecompatibility.NewComponentGlobalsRegistry()
	release := effectiveVersion{basecompatibility.NewEffectiveVersionFromString(baseversion.DefaultKubeBinaryVersion, kubeFloor, kubeFloor)}
	utilruntime.Must(registry.Register(Component, release, utilfeature.DefaultMutableFeatureGate))
	return registry
})

// effectiveVersion is the Kubernetes release that the API machinery emulates, with Muster's
// own version added where users look for it.
type effectiveVersion struct {
	basecompatibility.MutableEffectiveVersion
}

var notInBuildMetadata = regexp.MustCompile(`[^0-9A-Za-z.-]+`)

// Info returns what /version answers. The major and minor number remain Kubernetes',
// because clients compare them with their own. The git version is Kubernetes' with Muster's
// as build metadata, as in "v1.37.0+muster-v0.4.0".
func (v effectiveVersion) Info() *apimachineryversion.Info {
	info := v.MutableEffectiveVersion.Info()
	metadata := strings.Trim(notInBuildMetadata.ReplaceAllString(version, "-"), ".-")
	info.GitVersion = "v" + baseversion.DefaultKubeBinaryVersion + ".0+muster-" + metadata
	info.GitCommit, info.GitTreeState = "", ""
	return info
}
