// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// The resources of mirrors other than Namespaces.
const (
	Secrets     = "secrets"
	Downstreams = "downstream"
)

// Namespace is the mirror of a Namespace's labels.
type Namespace struct {
	Labels map[string]string `json:"labels,omitempty"`
}

// NamespaceKey returns the key of the mirror of a Namespace.
func NamespaceKey(name string) Key { return Key{TypeMirror, Namespaces, Name{Name: name}} }

// Values is the mirror of a Bundle's values Secret at one time (S 4.5). It is named by its
// hash and never changes. A Secret that changes gets another record, because a version in
// force may still need the earlier one.
type Values struct {
	// Values are the Secret's data, by key.
	Values map[string][]byte `json:"values"`
}

// ValuesHash returns the hash of a values Secret's data, as in a Bundle's spec.valuesHash
// (S 4.5).
func ValuesHash(values map[string][]byte) string {
	if values == nil {
		values = map[string][]byte{}
	}
	text, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("record: no JSON of a map of bytes: %v", err))
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// IsValuesHash reports whether a text can be the hash of values: clients can set
// spec.valuesHash to any text.
func IsValuesHash(hash string) bool {
	sum, err := hex.DecodeString(hash)
	return err == nil && len(sum) == sha256.Size && strings.ToLower(hash) == hash
}

// ValuesKey returns the key of the mirror of a Bundle's values with a hash.
func ValuesKey(bundle Name, hash string) Key {
	return Key{TypeMirror, Secrets, Name{bundle.Namespace, bundle.Name + "." + hash}}
}

// ParseValuesKey is the inverse of ValuesKey.
func ParseValuesKey(key Key) (bundle Name, hash string, err error) {
	at := strings.LastIndexByte(key.Name.Name, '.')
	if at < 1 || !IsValuesHash(key.Name.Name[at+1:]) {
		return Name{}, "", fmt.Errorf("record key %q: want BUNDLE.HASH for its name", key.Path())
	}
	return Name{key.Name.Namespace, key.Name.Name[:at]}, key.Name.Name[at+1:], nil
}

// Downstream counts the changes to the copies of the Secrets and ConfigMaps that a
// BundleDeployment names (S 4.7).
type Downstream struct {
	// UID is the BundleDeployment's. The count of an earlier one has no effect.
	UID types.UID `json:"uid"`
	// Generation is spec.downstreamResourcesGeneration.
	Generation int64 `json:"generation"`
	// Digest is the digest of the copied data. With it, a copy that was made before a
	// crash is counted after the restart.
	Digest string `json:"digest,omitempty"`
	// Held holds the copies that come from the sources that this BundleDeployment needs,
	// as KIND/NAME (derive.Copy), sorted.
	Held []string `json:"held,omitempty"`
	// Obstacle is the reason why a copy is missing or wrong and remains so until something
	// else changes; "" if all copies are right. The Bundle's Ready condition shows it.
	Obstacle string `json:"obstacle,omitempty"`
}

// DownstreamKey returns the key of the record of a BundleDeployment's copies.
func DownstreamKey(deployment Name) Key { return Key{TypeMirror, Downstreams, deployment} }
