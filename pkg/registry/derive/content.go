// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Content holds what a Bundle version means on a Cluster. It is immutable. All Clusters on
// which it is the same share it, so its options must not be written to.
type Content struct {
	// Options are complete: merged, restricted, and with their templates evaluated. They
	// lack the namespace labels and annotations of S 3.2.
	Options v1alpha1.BundleDeploymentOptions
	// DeploymentID names the manifest and the options (S 4.2).
	DeploymentID string
	// Failure says why the content has no options. It begins with the Cluster that it was found
	// on: `cluster C in namespace N: ...` (S 2.7).
	Failure string

	// digest is over all options, including those that DeploymentID leaves out. It is
	// computed when first needed; callers that need it at the same time may each compute
	// it.
	digest atomic.Pointer[[sha256.Size]byte]
	// size is the size of the options as JSON.
	size int
}

// Size returns how many bytes the options take as JSON, 0 if unknown. They take several
// times as much in memory.
func (c *Content) Size() int { return c.size }

func newContent(manifestID string, options v1alpha1.BundleDeploymentOptions) *Content {
	id, size := identify(manifestID, &options)
	return &Content{Options: options, DeploymentID: id, size: size}
}

// Pinned returns the content of options that were complete when they were recorded. A
// record preserves integers, which the numbers in options never are.
func Pinned(manifestID string, options v1alpha1.BundleDeploymentOptions) *Content {
	options.Helm = normalizeHelm(options.Helm)
	return newContent(manifestID, options)
}

// Nothing is the promoted content of a BundleDeployment before the first promotion (S 5.2).
var Nothing = &Content{}

// Empty reports whether the content deploys nothing.
func (c *Content) Empty() bool { return c == nil || c.DeploymentID == "" }

// ManifestID returns the part of the DeploymentID that names the manifest.
func (c *Content) ManifestID() string {
	id, _, _ := strings.Cut(c.DeploymentID, ":")
	return id
}

// WithDiff returns the content with the diff of another one. A diff is not part of what is
// deployed, so it does not wait for a promotion (S 5.2).
func (c *Content) WithDiff(of *Content) *Content {
	if equality.Semantic.DeepEqual(c.Options.Diff, of.Options.Diff) {
		return c
	}
	out := &Content{Options: c.Options, DeploymentID: c.DeploymentID, Failure: c.Failure, size: c.size}
	out.Options.Diff = of.Options.Diff
	return out
}

// Equal reports whether two contents give the same BundleDeployment. It compares two
// strings and the few options that DeploymentID leaves out.
func (c *Content) Equal(o *Content) bool {
	if c == o {
		return true
	}
	if c == nil || o == nil {
		return false
	}
	return c.DeploymentID == o.DeploymentID && c.Failure == o.Failure &&
		equality.Semantic.DeepEqual(c.Options.Diff, o.Options.Diff) &&
		equality.Semantic.DeepEqual(c.Options.CorrectDrift, o.Options.CorrectDrift)
}

// DeploymentID returns the ID of options on a manifest. It ignores diff and correctDrift,
// which say how to look at a deployment, not what to deploy.
func DeploymentID(manifestID string, options *v1alpha1.BundleDeploymentOptions) string {
	id, _ := identify(manifestID, options)
	return id
}

// identify returns the DeploymentID and the size of the hashed JSON.
func identify(manifestID string, options *v1alpha1.BundleDeploymentOptions) (string, int) {
	hashed := *options
	hashed.Diff, hashed.CorrectDrift = nil, nil
	sum, size := digestJSON(&hashed)
	return manifestID + ":" + hex.EncodeToString(sum[:]), size
}

// optionsDigest returns the hash that DeploymentID uses, but over all options.
func (c *Content) optionsDigest() *[sha256.Size]byte {
	if d := c.digest.Load(); d != nil {
		return d
	}
	sum, _ := digestJSON(&c.Options)
	c.digest.Store(&sum)
	return &sum
}

// digestJSON hashes what a json.Encoder writes: with HTML escapes, and with a newline at
// the end (S 4.2).
func digestJSON(v any) ([sha256.Size]byte, int) {
	var buf bytes.Buffer
	if err := json.NewEncoder(&buf).Encode(v); err != nil {
		// All values come from JSON or YAML, and have been normalized.
		panic(fmt.Sprintf("derive: no JSON of %T: %v", v, err))
	}
	return sha256.Sum256(buf.Bytes()), buf.Len()
}
