// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import "k8s.io/apimachinery/pkg/types"

// Holder is the holder record of a BundleDeployment name that several pairs of a
// Bundle and a Cluster claim: which of them has it. It exists only where the rule for
// names that nothing is recorded of (the older Bundle) could take the name away.
type Holder struct {
	// UID is the BundleDeployment's, and so names both the Bundle and the Cluster. A
	// record of an earlier one of either rules nothing.
	UID types.UID `json:"uid"`
}

// HolderKey names the holder record of a BundleDeployment name.
func HolderKey(name Name) Key { return Key{TypeHolder, BundleDeployments, name} }

// NamesGuardKey names the record that every write bumps that lets a Bundle of a name
// claim BundleDeployments, where Bundles of several namespaces may claim the same: two
// such writes do not both take what neither has seen the other claim.
func NamesGuardKey(name string) Key { return Key{TypeGuard, guardNames, Name{Name: name}} }
