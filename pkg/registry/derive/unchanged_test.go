// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

// digestOfRandomContents returns a digest of the deployment IDs of 800 random options on
// two Clusters each, and of which of them fail. It depends only on the generators of the
// test against the specification.
func digestOfRandomContents(t *testing.T) string {
	h := sha256.New()
	for i := range 800 {
		r := rand.New(rand.NewPCG(4711, uint64(i)))
		options := randomOptions(r)
		v := derive.NewVersion(bundleOf(v1alpha1.BundleSpec{BundleDeploymentOptions: *options, Targets: []v1alpha1.BundleTarget{{}}}), facts())
		for n := range 2 {
			content := v.Content(plain, nil, randomCluster(r, n))
			fmt.Fprintln(h, i, n, content.DeploymentID, content.Failure == "")
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
