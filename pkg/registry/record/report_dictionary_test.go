// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

var newDictionary = flag.String("new-dictionary", "", "write a dictionary for reports to this file; use it under a new ID")

// history returns the contents of a dictionary: rare texts first, since near matches are
// cheaper.
func history() []byte {
	s := newSampler(7, seen)
	reports := []*Report{
		s.report(len(resourceKinds), true),
		{Status: &v1alpha1.ClusterRegistration{Status: v1alpha1.ClusterRegistrationStatus{ClusterName: "cluster-a", Granted: true}}},
		{Status: &v1alpha1.GitRepo{}, UID: s.uid()},
		{Status: &v1alpha1.Bundle{}, UID: s.uid()},
	}
	for range 6 {
		reports = append(reports, s.report(3, false))
	}
	reports = append(reports, s.heartbeat(), s.tracked(s.report(1, true)), s.report(5, true), s.report(1, true))
	var out []byte
	for _, r := range reports {
		text, err := r.text()
		if err != nil {
			panic(err)
		}
		packed, _ := pack(text)
		out = append(out, packed...)
	}
	return out
}

func TestTheDictionaryIsFrozen(t *testing.T) {
	t.Parallel()
	if *newDictionary != "" {
		require.NoError(t, os.WriteFile(*newDictionary, history(), 0o644))
	}
	sum := sha256.Sum256(dictionary1)
	require.Equal(t, "3d493b8e2d2b113376a99ace7446d697b1444ffc66dd403248bb46705e9bb2e6", hex.EncodeToString(sum[:]),
		"records in etcd were written with it and cannot be read with another: leave the file, and put a new dictionary beside it under a new ID")
}
