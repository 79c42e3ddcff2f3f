// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// some returns reports of all sorts.
func some(s sampler, n int) []*Report {
	var out []*Report
	for i := range n {
		switch i % 5 {
		case 0:
			out = append(out, s.heartbeat())
		case 1:
			out = append(out, s.tracked(s.report(s.IntN(30), true)))
		default:
			out = append(out, s.report(s.IntN(8), s.IntN(3) > 0))
		}
	}
	return out
}

func resourceOf(r *Report) string {
	if _, ok := r.Status.(*v1alpha1.Cluster); ok {
		return Clusters
	}
	return BundleDeployments
}

func TestReportsAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, r := range some(newSampler(replay.Rand(t).Uint64(), unseen), 500) {
		data, err := r.Encode()
		require.NoError(t, err)
		require.True(t, isCompact(data))
		back, err := DecodeReport(resourceOf(r), data)
		require.NoError(t, err)
		back.Size = 0
		want, err := json.Marshal(r)
		require.NoError(t, err)
		got, err := json.Marshal(back)
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got))
		again, err := back.Encode()
		require.NoError(t, err)
		require.Equal(t, data, again)
	}
}

func TestReportsOfAllKindsAreReadBack(t *testing.T) {
	t.Parallel()
	for resource := range resources {
		status, err := New(resource)
		require.NoError(t, err)
		in := &Report{Status: status, UID: "not a UUID"}
		data, err := in.Encode()
		require.NoError(t, err)
		out, err := DecodeReport(resource, data)
		require.NoError(t, err, resource)
		out.Size = 0
		require.Equal(t, in, out)
	}
}

func TestReportsHaveTheSameBytesWhenEncodedConcurrently(t *testing.T) {
	t.Parallel()
	reports := some(newSampler(3, unseen), 100)
	var want [][]byte
	for _, r := range reports {
		data, err := r.Encode()
		require.NoError(t, err)
		want = append(want, data)
	}
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range reports {
				at := (i*7 + w*13) % len(reports)
				data, err := reports[at].Encode()
				if err != nil || !bytes.Equal(data, want[at]) {
					t.Errorf("report %d got other bytes (%v)", at, err)
				}
				if _, err := DecodeReport(resourceOf(reports[at]), data); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestReportsAreComparedByTheirStoredForm(t *testing.T) {
	t.Parallel()
	of := func(change func(*v1alpha1.BundleDeploymentStatus)) *Report {
		r := newSampler(1, unseen).report(2, true)
		change(&r.Status.(*v1alpha1.BundleDeployment).Status)
		return r
	}
	one := of(func(*v1alpha1.BundleDeploymentStatus) {})
	for title, c := range map[string]struct {
		other *Report
		equal bool
	}{
		"the same":                      {of(func(*v1alpha1.BundleDeploymentStatus) {}), true},
		"an empty list instead of none": {of(func(s *v1alpha1.BundleDeploymentStatus) { s.ModifiedStatus = []v1alpha1.ModifiedStatus{} }), true},
		"a time with a fraction of a second": {of(func(s *v1alpha1.BundleDeploymentStatus) {
			s.Resources[0].CreatedAt.Time = s.Resources[0].CreatedAt.Add(1)
		}), true},
		"another release":       {of(func(s *v1alpha1.BundleDeploymentStatus) { s.Release += "1" }), false},
		"0 instead of no value": {of(func(s *v1alpha1.BundleDeploymentStatus) { s.SyncGeneration = nil }), false},
		"one object less":       {of(func(s *v1alpha1.BundleDeploymentStatus) { s.Resources = s.Resources[:1] }), false},
	} {
		equal, err := one.Equal(c.other)
		require.NoError(t, err)
		require.Equal(t, c.equal, equal, title)
		a, err := one.Encode()
		require.NoError(t, err)
		b, err := c.other.Encode()
		require.NoError(t, err)
		require.Equal(t, c.equal, bytes.Equal(a, b), title)
	}
}

func TestReportsThatEarlierVersionsWroteAreRead(t *testing.T) {
	t.Parallel()
	out, err := DecodeReport(BundleDeployments, []byte(`{"status":{"release":"ns/app:1","ready":true,"later":1},"managedFields":[{"manager":"m","subresource":"status"}],"uid":"u","later":{}}`))
	require.NoError(t, err)
	want := &v1alpha1.BundleDeployment{}
	want.Status.Release, want.Status.Ready = "ns/app:1", true
	out.Size = 0
	require.Equal(t, &Report{Status: want, UID: "u", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m", Subresource: "status"}}}, out)
	// When they are rewritten, they are compact.
	data, err := out.Encode()
	require.NoError(t, err)
	require.True(t, isCompact(data))
}

// TestReportsOfTheFirstDictionaryAreRead reads a record that the first version of this form
// wrote, and compares it with its known contents.
func TestReportsOfTheFirstDictionaryAreRead(t *testing.T) {
	t.Parallel()
	written, err := os.ReadFile("testdata/report_1.hex")
	require.NoError(t, err)
	data, err := hex.DecodeString(strings.TrimSpace(string(written)))
	require.NoError(t, err)
	want, err := os.ReadFile("testdata/report_1.json")
	require.NoError(t, err)
	r, err := DecodeReport(BundleDeployments, data)
	require.NoError(t, err)
	text, err := r.text()
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(text))
}

func TestAReportWithAnUnknownDictionaryIsAnError(t *testing.T) {
	t.Parallel()
	later, err := newReportCodec(history()[1000:], 77)
	require.NoError(t, err)
	_, err = DecodeReport(Clusters, later.compact([]byte(`{"uid":"u"}`)))
	require.EqualError(t, err, "decode report record of clusters: it was written with dictionary 77, which this version does not have: run a version that is not older than the one that wrote it")
}

func TestAReportThatIsTooLargeIsLeftToTheStoreToRefuse(t *testing.T) {
	t.Parallel()
	bd := &v1alpha1.BundleDeployment{}
	bd.Status.Release = strings.Repeat("x", maxText)
	data, err := (&Report{Status: bd}).Encode()
	require.NoError(t, err)
	require.Greater(t, len(data), maxText)
	out, err := DecodeReport(BundleDeployments, data)
	require.NoError(t, err)
	require.Equal(t, bd, out.Status)
}

func TestTheSizeOfADecodedReportIsBounded(t *testing.T) {
	t.Parallel()
	bomb := codec().compact([]byte(`{"uid":"` + strings.Repeat("x", maxText) + `"}`))
	require.Less(t, len(bomb), 1000)
	_, err := DecodeReport(Clusters, bomb)
	require.ErrorContains(t, err, "more than a report may")
	// The packed text is small, but large with its values.
	bomb = codec().compact([]byte(`{"uid":"` + strings.Repeat(strings.Repeat("0", 255)+"x", maxText/255+1) + `"}`))
	_, err = DecodeReport(Clusters, bomb)
	require.ErrorContains(t, err, "more than a report may")
}

func TestDamagedReportsAreErrorsOrOtherReports(t *testing.T) {
	t.Parallel()
	s := newSampler(replay.Rand(t).Uint64(), unseen)
	failed := 0
	for _, r := range some(s, 200) {
		data, err := r.Encode()
		require.NoError(t, err)
		for range 20 {
			bad := bytes.Clone(data)
			switch s.IntN(3) {
			case 0:
				bad = bad[:s.IntN(len(bad))]
			case 1:
				bad[s.IntN(len(bad))] ^= byte(1 << s.IntN(8))
			default:
				at := s.IntN(len(bad))
				bad = append(append(bytes.Clone(bad[:at]), byte(s.IntN(256))), bad[at:]...)
			}
			if _, err := DecodeReport(resourceOf(r), bad); err != nil {
				require.ErrorContains(t, err, resourceOf(r))
				failed++
			}
		}
	}
	require.Greater(t, failed, 1000, "damage is usually detected")
}

// measured holds typical reports, and the most bytes that the record of each may take.
var measured = []struct {
	title string
	make  func(s sampler) *Report
	most  int
}{
	{"1 object, all well", func(s sampler) *Report { return s.report(1, true) }, 150},
	{"5 objects, all well", func(s sampler) *Report { return s.report(5, true) }, 210},
	{"20 objects, all well", func(s sampler) *Report { return s.report(20, true) }, 390},
	{"5 objects, something wrong", func(s sampler) *Report { return s.report(5, false) }, 290},
	{"1 object, with its writer noted", func(s sampler) *Report { return s.tracked(s.report(1, true)) }, 165},
	{"a Cluster's heartbeat", sampler.heartbeat, 50},
}

func TestTypicalReportsAreSmall(t *testing.T) {
	t.Parallel()
	const each = 300
	for _, m := range measured {
		s := newSampler(11, unseen)
		before, after := 0, 0
		for range each {
			r := m.make(s)
			text, err := r.text()
			require.NoError(t, err)
			data, err := r.Encode()
			require.NoError(t, err)
			before, after = before+len(text), after+len(data)
		}
		t.Logf("SUMMARY a report on %s: %d bytes, %d as JSON", m.title, after/each, before/each)
		require.LessOrEqual(t, after/each, m.most, m.title)
	}
}

func BenchmarkReport(b *testing.B) {
	for _, m := range measured[:3] {
		r := m.make(newSampler(11, unseen))
		data, err := r.Encode()
		require.NoError(b, err)
		text, err := r.text()
		require.NoError(b, err)
		for _, c := range []struct {
			name  string
			bytes int
			run   func() error
		}{
			{"encode", len(data), func() error { _, err := r.Encode(); return err }},
			{"JSON", len(text), func() error { _, err := r.text(); return err }},
			{"decode", len(data), func() error { _, err := DecodeReport(BundleDeployments, data); return err }},
		} {
			b.Run(m.title+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := c.run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(c.bytes), "bytes")
			})
		}
	}
}
