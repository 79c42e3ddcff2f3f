// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Type is the kind of fact that a record holds.
type Type string

// The types of records. The package comment describes each.
const (
	TypeObject    Type = "object"
	TypeReport    Type = "report"
	TypePin       Type = "pin"
	TypeMirror    Type = "mirror"
	TypeGuard     Type = "guard"
	TypePromotion Type = "promotion"
	TypeRollout   Type = "rollout"
	TypeHolder    Type = "holder"
)

// Types holds all types of records.
var Types = []Type{TypeObject, TypeReport, TypePin, TypeMirror, TypeGuard, TypePromotion, TypeRollout, TypeHolder}

// The resources that records name, the API group's and others.
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

// absent stands for an absent namespace or name in a key's path.
const absent = "-"

// Name is a namespaced name. Names have the order of the lists that the API serves: by
// namespace, then by name.
type Name struct{ Namespace, Name string }

// Compare orders names by namespace, then by name.
func (n Name) Compare(o Name) int {
	return cmp.Or(cmp.Compare(n.Namespace, o.Namespace), cmp.Compare(n.Name, o.Name))
}

// String returns namespace/name.
func (n Name) String() string { return n.Namespace + "/" + n.Name }

// Key identifies one record of the log.
type Key struct {
	Type     Type
	Resource string
	Name     Name
}

// ObjectKey returns the key of the object record of an API object.
func ObjectKey(resource string, name Name) Key { return Key{TypeObject, resource, name} }

// ReportKey returns the key of the report record of an API object.
func ReportKey(resource string, name Name) Key { return Key{TypeReport, resource, name} }

// BundlePinKey returns the key of the pin of a Bundle whose newest version fails.
func BundlePinKey(name Name) Key { return Key{TypePin, Bundles, name} }

// ClusterPinsKey returns the key of the pins of a Cluster's BundleDeployments.
func ClusterPinsKey(name Name) Key { return Key{TypePin, Clusters, name} }

// TargetingGuardKey returns the key of the targeting guard. A write bumps it if it can
// change what Bundles target on Clusters that the write does not contain: a write of a
// group, mapping, restriction or policy.
func TargetingGuardKey() Key { return Key{TypeGuard, guardTargeting, Name{}} }

// VersionsGuardKey returns the key of the versions guard. A write bumps it if it brings
// another version of a Bundle into force that can fail.
func VersionsGuardKey() Key { return Key{TypeGuard, guardVersions, Name{}} }

// PromotionKey returns the key of the promotion record of a BundleDeployment.
func PromotionKey(name Name) Key { return Key{TypePromotion, BundleDeployments, name} }

// RolloutKey returns the key of the rollout record of a Bundle.
func RolloutKey(name Name) Key { return Key{TypeRollout, Bundles, name} }

// RolloutGuardKey returns the key of the roll-out guard of a Bundle. A write bumps it if it
// can bring the roll-out closer to its limits, or over them. A promotion that would use up
// the rest of a limit succeeds only while this guard is unchanged.
func RolloutGuardKey(name Name) Key { return Key{TypeGuard, guardRollout, name} }

// RemovalGuardKey returns the key of the removal guard of a type and resource. Every
// transaction that deletes such a record writes it, because a guard of a whole range of
// keys does not see deletions by itself.
func RemovalGuardKey(t Type, resource string) Key {
	return Key{TypeGuard, guardRemoval, Name{Name: string(t) + "." + resource}}
}

// Path returns the key in etcd, without the log's prefix.
func (k Key) Path() string {
	return string(k.Type) + "/" + k.Resource + "/" + cmp.Or(k.Name.Namespace, absent) + "/" + cmp.Or(k.Name.Name, absent)
}

// ParseKey is the inverse of Key.Path. It fails on a path that no version of Muster writes.
func ParseKey(path string) (Key, error) {
	parts := strings.Split(path, "/")
	if len(parts) != 4 {
		return Key{}, fmt.Errorf("record key %q: want TYPE/RESOURCE/NAMESPACE/NAME", path)
	}
	t := Type(parts[0])
	if !slices.Contains(Types, t) {
		return Key{}, fmt.Errorf("record key %q: unknown type %q", path, t)
	}
	return Key{t, parts[1], Name{orEmpty(parts[2]), orEmpty(parts[3])}}, nil
}

func orEmpty(s string) string {
	if s == absent {
		return ""
	}
	return s
}
