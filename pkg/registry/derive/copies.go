// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Resources of the core API that are copied for agents.
const (
	CopiedSecrets    = "secrets"
	CopiedConfigMaps = "configmaps"
)

// Copy names what an agent looks up in its namespace: KIND/NAME, as in
// secrets/credentials. The kind of what cannot be copied is "".
type Copy string

// Copies are what an agent looks up for a BundleDeployment, in the order in which its
// fields name it (S 4.7): downstreamResources of the options, then the Secret of a chart
// repository or of an OCI registry.
func Copies(options *v1alpha1.BundleDeploymentOptions, bundle *v1alpha1.BundleSpec) []Copy {
	var out []Copy
	for _, r := range options.DownstreamResources {
		out = append(out, CopyOf(CopiedKind(r.Kind), r.Name))
	}
	if access := AccessSecret(bundle); access != "" {
		out = append(out, CopyOf(CopiedSecrets, access))
	}
	return out
}

// CopyOf names a copy.
func CopyOf(kind, name string) Copy { return Copy(kind + "/" + name) }

// CopiedKind is the resource of a kind in downstreamResources; "" if it is not copied.
func CopiedKind(kind string) string {
	switch strings.ToLower(kind) {
	case "secret":
		return CopiedSecrets
	case "configmap":
		return CopiedConfigMaps
	}
	return ""
}

// AccessSecret is the Secret by which an agent gets at what is deployed; "" if it needs
// none.
func AccessSecret(bundle *v1alpha1.BundleSpec) string {
	if helm := bundle.HelmOpOptions; helm != nil {
		return helm.SecretName
	}
	return bundle.ContentsID
}

// AwaitsCopies reports whether an agent would look up what is not, or not yet, the copy
// that is meant for it: then it has to wait. held are the copies that are, in order.
func AwaitsCopies(options *v1alpha1.BundleDeploymentOptions, bundle *v1alpha1.BundleSpec, held []string) bool {
	if len(options.DownstreamResources) == 0 && AccessSecret(bundle) == "" {
		return false
	}
	return slices.ContainsFunc(Copies(options, bundle), func(c Copy) bool {
		_, found := slices.BinarySearch(held, string(c))
		return !found
	})
}
