// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
)

// digestOfRandomContents returns a digest of the deployment IDs of 800 random options on
// two Clusters each, and of which of them fail. It depends only on the generators of the
// test against the specification.
func digestOfRandomContents(t *testing.T) string {
	h := sha256.New()
	for i := range 800 {
		r := rand.New(rand.NewPCG(4711, uint64(i)))
		options := randomOptions(r)
		v := versionWith(*options)
		for n := range 2 {
			content := v.Content(plain, nil, randomCluster(r, n))
			fmt.Fprintln(h, i, n, content.DeploymentID, content.Failure == "")
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
