// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/replay"
)

// anyText returns a text of any length up to a limit, with all kinds of characters.
func anyText(r *rand.Rand, most int) string {
	var out strings.Builder
	for n := r.IntN(most + 1); out.Len() < n; {
		out.WriteString([]string{"plain words ", "é", "\x01", `"`, "<", "\\", "日本", "\u2028"}[r.IntN(8)])
	}
	return out.String()
}

// anyReport returns a report that is within all bounds, or beyond any of them.
func anyReport(r *rand.Rand) *v1alpha1.BundleDeploymentStatus {
	most := []int{3, 30, 3000, 30_000}[r.IntN(4)]
	s := &v1alpha1.BundleDeploymentStatus{IncompleteState: r.IntN(4) == 0}
	for _, kind := range []string{"Installed", "Deployed", "Monitored", "Ready"} {
		if r.IntN(2) == 0 {
			s.Conditions = append(s.Conditions, v1alpha1.GenericCondition{Type: kind, Message: anyText(r, most)})
		}
	}
	for i := range r.IntN([]int{3, 30, MostObjects * 2}[r.IntN(3)]) {
		s.Resources = append(s.Resources, v1alpha1.BundleDeploymentResource{Kind: "K", Name: fmt.Sprint(i, anyText(r, most/8))})
	}
	for i := range r.IntN(MostNamed * 2) {
		s.ModifiedStatus = append(s.ModifiedStatus, v1alpha1.ModifiedStatus{Name: fmt.Sprint("m", i), Kind: anyText(r, most/10), Patch: anyText(r, most)})
	}
	for i := range r.IntN(MostNamed * 2) {
		n := v1alpha1.NonReadyStatus{Name: fmt.Sprint("n", i), UID: types.UID(anyText(r, 9))}
		for range r.IntN(4) {
			n.Summary.Message = append(n.Summary.Message, anyText(r, most))
		}
		s.NonReadyStatus = append(s.NonReadyStatus, n)
	}
	return s
}

// TestABriefReportReadsAsTheWhole checks that roll-ups read the same from a brief report,
// that it is bounded, and that it is the beginning of what the agent reported.
func TestABriefReportReadsAsTheWhole(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	cut := map[string]int{}
	for range 300 {
		s := anyReport(r)
		whole, brief := DigestOf(s), Brief(s)
		again := DigestOf(brief)
		require.True(t, reflect.DeepEqual(Explain(s), Explain(brief)), "what explains it") // to print both would take pages
		require.Equal(t, Incomplete(s), Incomplete(brief))
		require.Len(t, Listed(brief), len(Listed(s)))
		require.Equal(t, whole.Explains, again.Explains)
		require.Equal(t, whole.Work, again.Work)
		require.LessOrEqual(t, whole.Work, 1+MostObjects+(objectBytes+explanationBytes)/bytesEach)
		require.Len(t, brief.Resources, len(s.Resources)-whole.Unlisted)
		require.Equal(t, len(s.ModifiedStatus)+len(s.NonReadyStatus)-whole.Unnamed, len(brief.ModifiedStatus)+len(brief.NonReadyStatus))
		require.Equal(t, whole.Unlisted == 0, whole.Objects == again.Objects, "the digest includes how many are not listed, and otherwise is the same")
		require.LessOrEqual(t, len(brief.Resources), MostObjects)
		for i, o := range brief.Resources {
			require.Equal(t, s.Resources[i].Name, o.Name)
		}
		text, err := json.Marshal(Explain(s))
		require.NoError(t, err)
		require.Less(t, len(text), explanationBytes+(2*MostNamed+3)*128, "apart from names of fields")
		for i, m := range brief.ModifiedStatus {
			if full := s.ModifiedStatus[i].Patch; m.Patch != full {
				cut["texts"]++
				require.True(t, utf8.ValidString(m.Patch))
				require.Contains(t, m.Patch, " more bytes)")
				head := m.Patch[:strings.LastIndex(m.Patch, "... (")]
				require.True(t, strings.HasPrefix(full, head), "it is the beginning")
				require.Greater(t, TextSize(m.Patch), MostText-100, "no more is cut than has to be")
				require.LessOrEqual(t, TextSize(m.Patch), MostText)
			}
		}
		cut["resources"] += min(whole.Unlisted, 1)
		cut["names"] += min(whole.Unnamed, 1)
		if whole.Unlisted+whole.Unnamed == 0 {
			cut["nothing"]++
		}
	}
	for _, what := range []string{"texts", "resources", "names", "nothing"} {
		require.Greater(t, cut[what], 10, "the test no longer cuts %s", what)
	}
}

// TestTypicalReportsOfAgentsAreNotCut has ten objects of each kind, as many resources as a
// large chart, and the texts of conditions.
func TestTypicalReportsOfAgentsAreNotCut(t *testing.T) {
	t.Parallel()
	s := &v1alpha1.BundleDeploymentStatus{Conditions: []v1alpha1.GenericCondition{{Type: "Deployed", Status: "False", Message: strings.Repeat("it broke ", 200)}}}
	for i := range MostObjects {
		s.Resources = append(s.Resources, v1alpha1.BundleDeploymentResource{Kind: "CustomResourceDefinition", APIVersion: "apiextensions.k8s.io/v1", Name: fmt.Sprintf("an-object-with-a-name-that-is-rather-long-%d.example.com", i)})
	}
	for i := range MostNamed {
		s.ModifiedStatus = append(s.ModifiedStatus, v1alpha1.ModifiedStatus{Kind: "ConfigMap", APIVersion: "v1", Name: fmt.Sprint(i), Patch: `{"data":{"` + strings.Repeat("x", 600) + `":null}}`})
		s.NonReadyStatus = append(s.NonReadyStatus, v1alpha1.NonReadyStatus{Kind: "Pod", APIVersion: "v1", Name: fmt.Sprint(i), Summary: v1alpha1.ObjectSummary{Message: []string{strings.Repeat("y", 600)}}})
	}
	digest := DigestOf(s)
	require.Zero(t, digest.Unlisted)
	require.Zero(t, digest.Unnamed)
	require.False(t, Incomplete(s))
	require.Equal(t, s.ModifiedStatus, Explain(s).ModifiedStatus)
	require.Equal(t, s.NonReadyStatus, Explain(s).NonReadyStatus)
	require.Equal(t, s.Conditions[0].Message, Explain(s).Deployed)
}
