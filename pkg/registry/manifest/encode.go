// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// idLength is the maximum length of a label value: the ID is the value of the label
// fleet.cattle.io/content-name (S 5.1).
const idLength = 63

// document and resource fix the order of members and which may be absent. They are separate
// types because the API type may gain members, which must not change the hash of what is
// already stored.
type document struct {
	Resources []resource `json:"resources,omitempty"`
}

type resource struct {
	Name     string `json:"name,omitempty"`
	Content  string `json:"content,omitempty"`
	Encoding string `json:"encoding,omitempty"`
}

// Encode returns the manifest bytes of resources, in the given order. The last byte is a
// newline, and is part of what is hashed.
func Encode(resources []v1alpha1.BundleResource) []byte {
	doc := document{Resources: make([]resource, len(resources))}
	for i, r := range resources {
		doc.Resources[i] = resource{Name: r.Name, Content: r.Content, Encoding: r.Encoding}
	}
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(doc); err != nil {
		// A struct of strings always has an encoding.
		panic(fmt.Sprintf("manifest: cannot encode %d resources: %v", len(resources), err))
	}
	return buf.Bytes()
}

// Decode is the inverse of Encode.
func Decode(manifest []byte) ([]v1alpha1.BundleResource, error) {
	var doc document
	if err := json.Unmarshal(manifest, &doc); err != nil {
		return nil, fmt.Errorf("manifest is not the JSON that Encode writes: %w", err)
	}
	if len(doc.Resources) == 0 {
		return nil, nil
	}
	resources := make([]v1alpha1.BundleResource, len(doc.Resources))
	for i, r := range doc.Resources {
		resources[i] = v1alpha1.BundleResource{Name: r.Name, Content: r.Content, Encoding: r.Encoding}
	}
	return resources, nil
}

// Digest returns the SHA-256 of manifest bytes in lower-case hex: a Content's sha256sum and
// a Bundle's status.resourcesSha256Sum.
func Digest(manifest []byte) string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:])
}

// ID returns the manifest ID for a digest: the name of the Content object, and the part of
// a deployment ID before the colon.
func ID(digest string) string {
	id := "s-" + digest
	return id[:min(len(id), idLength)]
}
