// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// readPlainly reads a report with encoding/json. It is the oracle for reader.
func readPlainly(text string) (*Report, error) {
	bd, out := &v1alpha1.BundleDeployment{}, &Report{}
	in := reportJSON{Status: &bd.Status}
	err := json.Unmarshal([]byte(text), &in)
	out.Status, out.ManagedFields, out.UID = bd, in.ManagedFields, in.UID
	return out, err
}

// requireReadAlike requires that reader reads a text as encoding/json does if it accepts the
// text, and returns whether it does.
func requireReadAlike(t *testing.T, text string) bool {
	t.Helper()
	bd, got := &v1alpha1.BundleDeployment{}, &Report{}
	got.Status = bd
	if !readReport(text, &bd.Status, got) {
		return false
	}
	want, err := readPlainly(text)
	require.NoError(t, err, text)
	require.Equal(t, want, got, text)
	return true
}

// anyText returns a random text of any sort that a report may contain.
func (s sampler) anyText() string {
	return pick(s, "", "x", `a "quoted" <text> & more`, "Zürich\n\ttab", "\xff not UTF-8 \u2028", "{[,]}", "01", s.word(), s.hex(40), string(s.uid()))
}

func (s sampler) anything() *Report {
	r := s.report(s.IntN(4), s.IntN(2) > 0)
	status := &r.Status.(*v1alpha1.BundleDeployment).Status
	if s.IntN(2) > 0 {
		s.tracked(r)
		r.ManagedFields = append(r.ManagedFields, metav1.ManagedFieldsEntry{Manager: s.anyText(), FieldsV1: metav1.NewFieldsV1(pick(s, `{}`, `{"f:a":{"k:{\"x\":\"}\"}":{}}}`, `{"f:metadata":{"f:labels":{".":{}}}}`))})
	}
	for range s.IntN(4) {
		switch s.IntN(12) {
		case 0:
			status.Conditions = append(status.Conditions, v1alpha1.GenericCondition{Type: s.anyText(), Status: s.anyText(), Reason: s.anyText(), Message: s.anyText(), LastUpdateTime: s.anyText()})
		case 1:
			status.NonReadyStatus = append(status.NonReadyStatus, v1alpha1.NonReadyStatus{UID: s.uid(), Name: s.anyText(), Summary: v1alpha1.ObjectSummary{State: s.anyText(), Error: true, Message: []string{s.anyText(), s.anyText()}}})
		case 2:
			status.ModifiedStatus = append(status.ModifiedStatus, v1alpha1.ModifiedStatus{Kind: s.anyText(), Exist: true, Delete: true, Patch: s.anyText()})
		case 3:
			status.Display = v1alpha1.BundleDeploymentDisplay{Deployed: s.anyText(), State: s.anyText()}
		case 4:
			status.ResourceCounts = v1alpha1.ResourceCounts{Ready: s.IntN(3) - 1, Missing: int(s.Int64()), NotReady: -int(s.Int64())}
		case 5:
			status.DownstreamResourcesGeneration = pick(s, s.Int64(), -s.Int64(), 7)
		case 6:
			status.SyncGeneration = pick(s, nil, new(s.Int64()), new(int64(-1)))
		case 7:
			status.AppliedDeploymentID, status.Release = s.anyText(), s.anyText()
		case 8:
			status.Ready, status.NonModified, status.IncompleteState = s.IntN(2) > 0, s.IntN(2) > 0, s.IntN(2) > 0
		case 9:
			status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{Name: s.anyText(), Namespace: s.anyText()})
		case 10:
			status.Conditions = nil
		default:
			r.UID = pick(s, "", "uid", s.uid())
		}
	}
	return r
}

func TestAReaderAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	accepted := 0
	for range 3000 {
		text, err := s.anything().text()
		require.NoError(t, err)
		if requireReadAlike(t, string(text)) {
			accepted++
		}
	}
	require.Greater(t, accepted, 2000, "only reports with numbers of 19 digits are odd")
	for _, r := range some(s, 500) {
		if _, heartbeat := r.Status.(*v1alpha1.Cluster); heartbeat {
			continue
		}
		text, err := r.text()
		require.NoError(t, err)
		require.True(t, requireReadAlike(t, string(text)), "the report of an agent is never odd: %s", text)
	}
}

// TestAReaderReadsEveryAcceptedTextAsEncodingJSON reads texts that are almost as Encode writes
// them.
func TestAReaderReadsEveryAcceptedTextAsEncodingJSON(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	pieces := []string{
		`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, ` `, "\n", "null", "0", "1.5", "1e3", "-", "00", "true", "99999999999999999999", `"x"`, `"status":{}`,
		`"ready":true`, `"READY":true`, `"later":{"a":[1]}`, `"conditions":[]`, `"conditions":null`, `"uid":"u"`, `\u0041`, `\ud800`, "\x00", "\x01", "\xff", "{}", `{"display":{}}`,
	}
	accepted, failed := 0, 0
	for range 10_000 {
		made, err := s.anything().text()
		require.NoError(t, err)
		text := string(made)
		for range 1 + s.IntN(2) {
			from := s.IntN(len(text) + 1)
			to := min(len(text), from+pick(s, 0, 0, 1, 2, s.IntN(40)))
			put := pick(s, append(pieces, "")...)
			if s.IntN(3) == 0 { // a piece of the text, in another place
				at := s.IntN(len(text) + 1)
				put = text[at:min(len(text), at+s.IntN(60))]
			}
			if s.IntN(3) == 0 { // between members
				if at := strings.IndexByte(text[from:], ','); at >= 0 {
					from, to, put = from+at, from+at, ","+put
				}
			}
			text = text[:from] + put + text[to:]
		}
		if requireReadAlike(t, text) {
			accepted++
		} else {
			failed++
		}
	}
	require.Greater(t, accepted, 300)
	require.Greater(t, failed, 1000)
}

func TestFieldSetsAreSharedUntilThereAreTooMany(t *testing.T) {
	t.Parallel()
	table := fieldTable{known: map[string]*metav1.FieldsV1{}}
	one := table.of(`{"f:status":{}}`)
	require.Same(t, one, table.of(`{"f:status":{}}`))
	require.Nil(t, table.of(`{"f:status":}`))
	for i := range 2 * mostFieldSets {
		require.NotNil(t, table.of(`{"f:`+strings.Repeat("x", i)+`":{}}`))
		require.LessOrEqual(t, len(table.known), mostFieldSets)
	}
	long := `{"f:` + strings.Repeat("x", longestFieldSet) + `":{}}`
	first := table.of(long)
	require.NotSame(t, first, table.of(long), "long field sets are not shared")
}
