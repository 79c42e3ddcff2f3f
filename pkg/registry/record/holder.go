// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import "k8s.io/apimachinery/pkg/types"

// Holder is the holder record of a BundleDeployment name that several pairs claim: it
// names the pair that has it. The record exists only where the rule for names without a
// record (the older Bundle has it) could take the name away.
type Holder struct {
	// UID is that of the BundleDeployment, and so identifies both the Bundle and the
	// Cluster. A record of an earlier Bundle or Cluster has no effect.
	UID types.UID `json:"uid"`
}

// HolderKey returns the key of the holder record of a BundleDeployment name.
func HolderKey(name Name) Key { return Key{TypeHolder, BundleDeployments, name} }

// NamesGuardKey returns the key of the guard for Bundles with a name. A write bumps it if
// it lets such a Bundle claim BundleDeployments that Bundles of other namespaces may claim
// too. So two such writes cannot both take a name that neither saw the other claim.
func NamesGuardKey(name string) Key { return Key{TypeGuard, guardNames, Name{Name: name}} }
