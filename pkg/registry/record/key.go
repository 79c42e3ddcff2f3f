// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"fmt"
	"strings"
)

// Type tells what kind of fact a record holds.
type Type string

// The types of records; the package comment says what each holds.
const (
	TypeObject Type = "object"
	TypeReport Type = "report"
	TypePin    Type = "pin"
	TypeMirror Type = "mirror"
	TypeGuard  Type = "guard"
	// TypePromotion and TypeRollout are of roll-outs.
	TypePromotion Type = "promotion"
	TypeRollout   Type = "rollout"
	// TypeHolder is of names that several claim.
	TypeHolder Type = "holder"
)

// The resources that records name beside the API group's own.
const (
	Bundles           = "bundles"
	BundleDeployments = "bundledeployments"
	Clusters          = "clusters"
	ClusterGroups     = "clustergroups"
	Mappings          = "bundlenamespacemappings"
	Restrictions      = "gitreporestrictions"
	Policies          = "policies"
	GitRepos          = "gitrepos"
	HelmOps           = "helmops"
	Namespaces        = "namespaces"
	guardTargeting    = "targeting"
	guardVersions     = "versions"
	guardRollout      = "rollout"
	guardNames        = "names"
	guardRemoval      = "removal"
)

// nobody stands for an absent namespace or name in a key's path.
const nobody = "-"

// Name is a namespaced name. It orders like the lists that the API serves: by
// namespace, then by name.
type Name struct {
	Namespace, Name string
}

// Compare orders names by namespace, then by name.
func (n Name) Compare(o Name) int {
	if c := cmp.Compare(n.Namespace, o.Namespace); c != 0 {
		return c
	}
	return cmp.Compare(n.Name, o.Name)
}

// String returns namespace/name.
func (n Name) String() string { return n.Namespace + "/" + n.Name }

// Key names one record of the log.
type Key struct {
	Type     Type
	Resource string
	Name     Name
}

// ObjectKey names the object record of an API object.
func ObjectKey(resource string, name Name) Key { return Key{TypeObject, resource, name} }

// ReportKey names the report record of an API object.
func ReportKey(resource string, name Name) Key { return Key{TypeReport, resource, name} }

// BundlePinKey names the pin of a Bundle whose newest version fails.
func BundlePinKey(name Name) Key { return Key{TypePin, Bundles, name} }

// ClusterPinsKey names the pins of a Cluster's BundleDeployments.
func ClusterPinsKey(name Name) Key { return Key{TypePin, Clusters, name} }

// TargetingGuardKey names the record that every write bumps that can change what
// Bundles target on Clusters that it does not write: of groups, mappings,
// restrictions and policies.
func TargetingGuardKey() Key { return Key{TypeGuard, guardTargeting, Name{}} }

// VersionsGuardKey names the record that every write bumps that gives a Bundle
// another version in force that can fail.
func VersionsGuardKey() Key { return Key{TypeGuard, guardVersions, Name{}} }

// PromotionKey names the promotion record of a BundleDeployment.
func PromotionKey(name Name) Key { return Key{TypePromotion, BundleDeployments, name} }

// RolloutKey names the rollout record of a Bundle.
func RolloutKey(name Name) Key { return Key{TypeRollout, Bundles, name} }

// RolloutGuardKey names the record that every write bumps that can bring a Bundle's
// roll-out closer to its limits, or over them: a promotion that would use what is
// left of a limit holds only while it is unchanged.
func RolloutGuardKey(name Name) Key { return Key{TypeGuard, guardRollout, name} }

// RemovalGuardKey names the record that every transaction writes that deletes a record of
// a type and resource. A guard of a whole range of keys does not see deletions by itself.
func RemovalGuardKey(t Type, resource string) Key {
	return Key{TypeGuard, guardRemoval, Name{Name: string(t) + "." + resource}}
}

// Path is the key's place below the log's prefix.
func (k Key) Path() string {
	return string(k.Type) + "/" + k.Resource + "/" + orNobody(k.Name.Namespace) + "/" + orNobody(k.Name.Name)
}

// ParseKey is the inverse of Key.Path. It fails on a path that no version of
// this package writes.
func ParseKey(path string) (Key, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return Key{}, fmt.Errorf("record key %q: want TYPE/RESOURCE/NAMESPACE/NAME", path)
	}
	switch t := Type(parts[0]); t {
	case TypeObject, TypeReport, TypePin, TypeMirror, TypeGuard, TypePromotion, TypeRollout, TypeHolder:
		return Key{t, parts[1], Name{orEmpty(parts[2]), orEmpty(parts[3])}}, nil
	default:
		return Key{}, fmt.Errorf("record key %q: unknown type %q", path, parts[0])
	}
}

func orNobody(s string) string {
	if s == "" {
		return nobody
	}
	return s
}

func orEmpty(s string) string {
	if s == nobody {
		return ""
	}
	return s
}
