// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// These resources of the core API are copied for agents.
const (
	CopiedSecrets    = "secrets"
	CopiedConfigMaps = "configmaps"
)

// Copy names what an agent looks up in its namespace: KIND/NAME, such as
// secrets/credentials. The kind is "" if it cannot be copied.
type Copy string

// Copies returns what an agent looks up for a BundleDeployment (S 4.7): first the
// downstreamResources of the options, in their order, then the Secret of a chart repository
// or of an OCI registry.
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

// CopyOf returns the name of a copy.
func CopyOf(kind, name string) Copy { return Copy(kind + "/" + name) }

// CopiedKind returns the resource of a kind in downstreamResources, "" if it is not copied.
func CopiedKind(kind string) string {
	switch strings.ToLower(kind) {
	case "secret":
		return CopiedSecrets
	case "configmap":
		return CopiedConfigMaps
	}
	return ""
}

// AccessSecret returns the name of the Secret that an agent needs to fetch what it deploys,
// "" if it needs none.
func AccessSecret(bundle *v1alpha1.BundleSpec) string {
	if helm := bundle.HelmOpOptions; helm != nil {
		return helm.SecretName
	}
	return bundle.ContentsID
}

// AwaitsCopies reports whether an agent has to wait, because something that it would look
// up is not, or not yet, the copy that is meant for it. held lists the copies that are,
// sorted.
func AwaitsCopies(options *v1alpha1.BundleDeploymentOptions, bundle *v1alpha1.BundleSpec, held []string) bool {
	if len(options.DownstreamResources) == 0 && AccessSecret(bundle) == "" {
		return false
	}
	return slices.ContainsFunc(Copies(options, bundle), func(c Copy) bool {
		_, found := slices.BinarySearch(held, string(c))
		return !found
	})
}
