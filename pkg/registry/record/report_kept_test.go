// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

func appliedIn(r *Report) string {
	return r.Status.(*v1alpha1.BundleDeployment).Status.AppliedDeploymentID
}

func noBrief(*Report) *Report { return nil }

// requireKept requires that Kept decodes to the same report as the record itself.
func requireKept(t *testing.T, data []byte) Kept {
	t.Helper()
	want, err := DecodeReport(BundleDeployments, data)
	require.NoError(t, err)
	kept, r, err := Keep(data, appliedIn, noBrief)
	require.NoError(t, err)
	require.Equal(t, want, r)
	for range 2 { // twice, because decoding must not change it
		got, err := kept.Report(appliedIn(r))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	if id, err := uuid.Parse(string(want.UID)); err == nil && id.String() == string(want.UID) {
		require.Equal(t, id, kept.UID())
	} else {
		require.Equal(t, uuid.Nil, kept.UID())
	}
	return kept
}

func TestAKeptReportIsReadAsItsRecord(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	for range 2000 {
		r := s.anything()
		if s.IntN(5) == 0 { // the ID, or half of it, also in other places
			status := &r.Status.(*v1alpha1.BundleDeployment).Status
			status.Release = "ns/" + status.AppliedDeploymentID[:min(len(status.AppliedDeploymentID), 70)] + ":1"
		}
		if s.IntN(20) == 0 {
			r.UID = pick[types.UID](s, "00000000-0000-0000-0000-000000000000", "D2719CF4-5CBE-4000-8000-000000000000", "")
		}
		data, err := r.Encode()
		require.NoError(t, err)
		requireKept(t, data)
		text, err := r.text()
		require.NoError(t, err)
		requireKept(t, text)
	}
}

func TestReportsThatEarlierVersionsWroteAreKept(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `{"uid":"d2719cf4-5cbe-4000-8000-000000000001"}`,
		"{ \"uid\" : \"d2719cf4-5cbe-4000-8000-000000000001\",\n\t\"status\":{\"release\":\"ns/app:1\",\"later\":\"d2719cf4-5cbe-4000-8000-000000000001\"} }",
		`{"status":{"appliedDeploymentID":"s-0123456789012345678901234567890","release":"` + strings.Repeat("x", maxText) + `"}}`,
	} {
		kept := requireKept(t, []byte(text))
		require.Equal(t, len(text) > maxText, len(kept) > maxText, "a report that is not too long is compact")
	}
}

func TestUndecodableReportsAreNotKept(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	failed := 0
	for range 2000 {
		data, err := s.anything().Encode()
		require.NoError(t, err)
		bad := bytes.Clone(data[:len(data)-s.IntN(2)*s.IntN(len(data))])
		if len(bad) > 0 {
			bad[s.IntN(len(bad))] ^= byte(1 << s.IntN(8))
		}
		_, want := DecodeReport(BundleDeployments, bad)
		if want == nil {
			requireKept(t, bad)
			continue
		}
		failed++
		_, _, err = Keep(bad, appliedIn, noBrief)
		require.EqualError(t, err, want.Error())
	}
	require.Greater(t, failed, 100)
}

func TestKeptReportsAreSmall(t *testing.T) {
	t.Parallel()
	s := newSampler(11, unseen)
	stored, kept := 0, 0
	const each = 300
	for range each {
		data, err := s.tracked(s.report(5, true)).Encode()
		require.NoError(t, err)
		stored, kept = stored+len(data), kept+len(requireKept(t, data))
	}
	t.Logf("SUMMARY a report on 5 objects, with its writer noted: %d bytes kept of %d in etcd", kept/each, stored/each)
	require.LessOrEqual(t, kept/each, 150)
}

// TestABriefIsReadWithoutTheWhole checks also that the whole report is unaffected by it.
func TestABriefIsReadWithoutTheWhole(t *testing.T) {
	t.Parallel()
	whole := &v1alpha1.BundleDeployment{}
	whole.Status.AppliedDeploymentID, whole.Status.Release = "s-0123456789abcdef:0123456789abcdef0123456789abcdef", "apps/x:1"
	for i := range 3000 {
		whole.Status.Resources = append(whole.Status.Resources, v1alpha1.BundleDeploymentResource{Kind: "Secret", Name: strings.Repeat("x", i%200)})
	}
	report := &Report{Status: whole, UID: "d2719cf4-5cbe-5f3e-9a52-1f0f5a4c1b2d"}
	data, size, err := report.EncodeSized()
	require.NoError(t, err)
	part := &v1alpha1.BundleDeployment{}
	part.Status.Resources = whole.Status.Resources[:3]
	kept, r, err := Keep(data, appliedIn, func(r *Report) *Report {
		require.Equal(t, size, r.Size)
		return &Report{Status: part}
	})
	require.NoError(t, err)
	plain, _, err := Keep(data, appliedIn, noBrief)
	require.NoError(t, err)
	require.Less(t, len(kept)-len(plain), 200, "the brief takes as much as a small report")
	require.Equal(t, plain.UID(), kept.UID())
	for _, k := range []Kept{kept, plain} {
		got, err := k.Report(appliedIn(r))
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
	brief, err := kept.Brief(appliedIn(r))
	require.NoError(t, err)
	require.Equal(t, part, brief.Status)
	all, err := plain.Brief(appliedIn(r))
	require.NoError(t, err)
	require.Equal(t, r, all, "without a brief it is the whole report")
}
