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

// The resources of mirrors, beside Namespaces.
const (
	Secrets     = "secrets"
	Downstreams = "downstream"
)

// Namespace is the mirror of a Namespace's labels.
type Namespace struct {
	Labels map[string]string `json:"labels,omitempty"`
}

// NamespaceKey names the mirror of a Namespace.
func NamespaceKey(name string) Key { return Key{TypeMirror, Namespaces, Name{Name: name}} }

// Values is the mirror of what a Bundle's values Secret held at some time (S 4.5).
// It is named by its hash and never changes: a Secret that changes gets another
// record, beside the one that a version in force may still need.
type Values struct {
	// Values are the Secret's data, by key.
	Values map[string][]byte `json:"values"`
}

// ValuesHash is the hash of a values Secret's data, as a Bundle's spec.valuesHash
// has it (S 4.5).
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

// IsValuesHash tells whether a text can be the hash of values at all: clients set
// spec.valuesHash to what they like.
func IsValuesHash(hash string) bool {
	sum, err := hex.DecodeString(hash)
	return err == nil && len(sum) == sha256.Size && strings.ToLower(hash) == hash
}

// ValuesKey names the mirror of a Bundle's values that have a hash.
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

// Downstream counts how often something changed in the copies of the Secrets and
// ConfigMaps that a BundleDeployment names (S 4.7).
type Downstream struct {
	// UID is the BundleDeployment's; the count of an earlier one is dead.
	UID types.UID `json:"uid"`
	// Generation is spec.downstreamResourcesGeneration.
	Generation int64 `json:"generation"`
	// Digest is of what was copied: a copy that was made before a crash is counted
	// after it.
	Digest string `json:"digest,omitempty"`
	// Held are the copies that are of the sources that this BundleDeployment needs, as
	// KIND/NAME (derive.Copy), in order.
	Held []string `json:"held,omitempty"`
	// Obstacle is why a copy is missing or not what it should be, until something else
	// changes; "" if all copies are right. The Bundle's Ready condition tells it.
	Obstacle string `json:"obstacle,omitempty"`
}

// DownstreamKey names the count of a BundleDeployment's copies.
func DownstreamKey(deployment Name) Key { return Key{TypeMirror, Downstreams, deployment} }
