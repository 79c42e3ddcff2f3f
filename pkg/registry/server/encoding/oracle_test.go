// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/randfill"

	"github.com/musterfleet/muster/pkg/apis/fleet/install"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/server/encoding"
	"github.com/musterfleet/muster/test/replay"
)

// texts are the parts of random strings: all that JSON escapes, and what looks like it.
var texts = []string{
	"", "a", "plain-text.example.com/x:y", "\"quoted\"", `\`, "\n\r\t\b\f", "\x00\x01\x1f\x7f", "<a href='&amp;'>", "ü€𝄞",
	"\u2028\u2029", "\xff\xfe", "é\xc3", "\ufffd", "{}", "[1, 2]", " ", "null",
}

var numbers = []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1e-7, 1e20, 1e21, 1 << 53, 1<<53 - 1, -(1 << 53), 123456789, 3.5e300, 5e-324}

func someText(r *rand.Rand) string {
	s := ""
	for range r.IntN(3) {
		s += texts[r.IntN(len(texts))]
	}
	return s
}

// someValue returns a random value of a free-form object, nested up to depth.
func someValue(r *rand.Rand, depth int) any {
	kinds := 11
	if depth == 0 {
		kinds = 7
	}
	switch r.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return int64(r.Uint64())
	case 3:
		return numbers[r.IntN(len(numbers))]
	case 4:
		return []any(nil)
	case 5:
		return map[string]any(nil)
	case 6:
		return someText(r)
	case 7, 8:
		all := make([]any, r.IntN(3))
		for i := range all {
			all[i] = someValue(r, depth-1)
		}
		return all
	default:
		return someObject(r, depth-1)
	}
}

func someObject(r *rand.Rand, depth int) map[string]any {
	members := map[string]any{}
	for range r.IntN(5) {
		members[someText(r)] = someValue(r, max(0, depth))
	}
	return members
}

// newFiller returns a filler for any field of any type, which fills some and leaves out
// others.
func newFiller(r *rand.Rand) *randfill.Filler {
	return randfill.New().RandSource(source{r}).NilChance(0.4).NumElements(0, 3).Funcs(
		func(s *string, _ randfill.Continue) { *s = someText(r) },
		func(b *bool, _ randfill.Continue) { *b = r.IntN(2) == 0 },
		func(n *int64, _ randfill.Continue) { *n = int64(r.Uint64()) * int64(r.IntN(2)) },
		func(n *int, _ randfill.Continue) { *n = int(r.Int32()) * r.IntN(2) },
		func(g *v1alpha1.GenericMap, _ randfill.Continue) {
			if r.IntN(4) > 0 {
				g.Data = someObject(r, 4)
			}
		},
		func(at *metav1.Time, _ randfill.Continue) {
			if r.IntN(3) > 0 {
				*at = metav1.NewTime(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In(time.FixedZone("", r.IntN(3)*3600)))
			}
		},
		func(f *metav1.FieldsV1, _ randfill.Continue) {
			f.SetRawString(`{"f:a": {"." : {}, "f:<b>":{}}}`)
		},
	)
}

type source struct{ *rand.Rand }

func (s source) Int63() int64 { return s.Int64() }
func (s source) Seed(int64)   {}

// share makes some options equal to those of another object, as contents do, and some
// nearly equal.
func share(r *rand.Rand, items []v1alpha1.BundleDeployment) {
	for i := range items {
		spec := &items[i].Spec
		if r.IntN(2) == 0 {
			spec.Options, spec.DeploymentID = spec.StagedOptions, spec.StagedDeploymentID
		}
		if from := &items[r.IntN(len(items))].Spec; r.IntN(2) == 0 {
			spec.Options, spec.DeploymentID = from.Options, from.DeploymentID
		}
		switch r.IntN(6) {
		case 0:
			spec.Options.NamespaceLabels = map[string]string{"a": someText(r)}
		case 1:
			spec.Options.ServiceAccount = someText(r)
		case 2:
			spec.Options.Helm = nil
		}
	}
}

func newCodecs() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	install.Install(scheme)
	metav1.AddToGroupVersion(scheme, v1alpha1.SchemeGroupVersion)
	return serializer.NewCodecFactory(scheme)
}

// pair is an encoder of this package and the one that it replaces.
type pair struct{ ours, theirs runtime.Encoder }

func newPairs(t *testing.T) map[string]pair {
	t.Helper()
	codecs := newCodecs()
	faster := encoding.Faster(codecs)
	out := map[string]pair{}
	theirs := codecs.SupportedMediaTypes()
	for i, info := range faster.SupportedMediaTypes() {
		if info.MediaType != runtime.ContentTypeJSON {
			info.StrictSerializer = theirs[i].StrictSerializer
			require.Equal(t, theirs[i], info, "other media types keep their serializers")
			continue
		}
		add := func(name string, ours, theirs runtime.Encoder) {
			require.Equal(t, theirs.Identifier(), ours.Identifier())
			out[name] = pair{faster.EncoderForVersion(ours, v1alpha1.SchemeGroupVersion), codecs.EncoderForVersion(theirs, v1alpha1.SchemeGroupVersion)}
		}
		add("plain", info.Serializer, theirs[i].Serializer)
		add("pretty", info.PrettySerializer, theirs[i].PrettySerializer)
		add("stream", info.StreamSerializer.Serializer, theirs[i].StreamSerializer.Serializer)
	}
	require.Len(t, out, 3)
	return out
}

func encoded(t *testing.T, e runtime.Encoder, object runtime.Object) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, e.Encode(object, &b))
	return b.String()
}

// TestTheBytesAreThoseOfEncodingJSON compares both encoders over random objects of all
// types that the package writes.
func TestTheBytesAreThoseOfEncodingJSON(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	filler := newFiller(r)
	pairs := newPairs(t)
	for range 60 {
		list := &v1alpha1.BundleDeploymentList{}
		filler.Fill(list)
		if r.IntN(3) > 0 {
			list.Items = make([]v1alpha1.BundleDeployment, r.IntN(30))
			for i := range list.Items {
				filler.Fill(&list.Items[i])
			}
		}
		share(r, list.Items)
		for name, p := range pairs {
			require.Equal(t, encoded(t, p.theirs, list), encoded(t, p.ours, list), name)
			for i := range list.Items {
				one := &list.Items[i]
				text := encoded(t, p.theirs, one)
				require.Equal(t, text, encoded(t, p.ours, one), name)
				event := &metav1.WatchEvent{Type: someText(r), Object: runtime.RawExtension{Raw: []byte(text)}}
				require.Equal(t, encoded(t, p.theirs, event), encoded(t, p.ours, event), name)
			}
		}
	}
}

func TestOtherObjectsAreLeftToTheOtherSerializer(t *testing.T) {
	t.Parallel()
	r := replay.Rand(t)
	filler := newFiller(r)
	for name, p := range newPairs(t) {
		for range 20 {
			for _, object := range []runtime.Object{
				&v1alpha1.ClusterList{}, &v1alpha1.BundleList{}, &v1alpha1.ScheduleList{}, &v1alpha1.Bundle{}, &v1alpha1.Policy{}, &metav1.Status{}, &v1alpha1.BundleDeploymentList{},
				&v1alpha1.BundleDeploymentList{Items: []v1alpha1.BundleDeployment{}}, &metav1.WatchEvent{Type: "BOOKMARK"},
			} {
				switch object.(type) {
				case *v1alpha1.BundleDeploymentList, *metav1.WatchEvent:
				default:
					filler.Fill(object)
				}
				require.Equal(t, encoded(t, p.theirs, object), encoded(t, p.ours, object), "%s %T", name, object)
			}
		}
	}
}

// TestBothSerializersRefuseAnUnencodableValue encodes a value that JSON cannot express, in one
// object, and among others.
func TestBothSerializersRefuseAnUnencodableValue(t *testing.T) {
	t.Parallel()
	bad := v1alpha1.BundleDeployment{}
	bad.Spec.StagedDeploymentID = "bad"
	bad.Spec.StagedOptions.Helm = &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{"a": []any{math.NaN()}}}}
	good := v1alpha1.BundleDeployment{}
	good.Name = "good"
	for name, p := range newPairs(t) {
		for range 3 {
			for _, object := range []runtime.Object{&bad, &v1alpha1.BundleDeploymentList{Items: []v1alpha1.BundleDeployment{good, bad, good}}} {
				var ours, theirs bytes.Buffer
				require.Error(t, p.theirs.Encode(object, &theirs), name)
				require.Error(t, p.ours.Encode(object, &ours), name)
			}
			require.Equal(t, encoded(t, p.theirs, &good), encoded(t, p.ours, &good), name)
		}
	}
}
