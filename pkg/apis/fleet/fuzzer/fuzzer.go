// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fuzzer fills objects of the group fleet.cattle.io with random content, for tests.
// The objects survive a round trip through JSON: they have no numbers that JSON reads back
// as another type, and the defaults are set. A fill costs O(size of the object). Functions
// are safe for concurrent use; a Filler is not.
package fuzzer

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/randfill"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// maxDepth bounds how deep the objects in a free-form field nest.
const maxDepth = 4

// units are the units of a duration.
var units = []string{"ns", "us", "µs", "ms", "s", "m", "h"}

// Funcs returns the fill functions of the group, for
// k8s.io/apimachinery/pkg/api/apitesting/fuzzer.FuzzerFor.
func Funcs(serializer.CodecFactory) []any {
	return []any{
		func(g *v1alpha1.GenericMap, c randfill.Continue) {
			g.Data = object(c, maxDepth)
		},
		func(spec *v1alpha1.BundleSpec, c randfill.Continue) {
			c.FillNoCustom(spec)
			// Decoding sets the default, so an object without it would come back different.
			spec.TargetCustomizationMode = v1alpha1.TargetCustomizationFirstMatch
			if c.Bool() {
				spec.TargetCustomizationMode = v1alpha1.TargetCustomizationAllMatches
			}
		},
		func(f *schema.Form, _ randfill.Continue) {
			*f = "" // the fields alone say how the object was written
		},
		func(o *v1alpha1.IgnoreOptions, c randfill.Continue) {
			c.FillNoCustom(o)
			for i := range o.Conditions {
				if o.Conditions[i] == nil {
					o.Conditions[i] = map[string]string{} // null is refused
				}
			}
		},
		func(s *v1alpha1.StatusBase, c randfill.Continue) {
			c.FillNoCustom(s)
			for cluster, counts := range s.PerClusterResourceCounts {
				if counts == nil {
					delete(s.PerClusterResourceCounts, cluster) // null is dropped
				}
			}
		},
		func(s *corev1.NodeSelector, c randfill.Continue) {
			c.FillNoCustom(s)
			if s.NodeSelectorTerms == nil {
				s.NodeSelectorTerms = []corev1.NodeSelectorTerm{} // null is refused
			}
		},
		func(d *v1alpha1.Duration, c randfill.Continue) {
			// The same span has many texts; the one written must come back.
			*d = v1alpha1.Duration(strconv.Itoa(c.Intn(1000)) + ".50" + units[c.Intn(len(units))])
		},
		func(v *intstr.IntOrString, c randfill.Continue) {
			if c.Bool() {
				*v = intstr.FromInt32(c.Int31())
			} else {
				*v = intstr.FromString(strconv.Itoa(c.Intn(101)) + "%")
			}
		},
	}
}

func object(c randfill.Continue, depth int) map[string]any {
	members := make(map[string]any)
	for range c.Intn(4) {
		members[c.String(8)] = value(c, depth-1)
	}
	return members
}

func value(c randfill.Continue, depth int) any {
	kinds := 7
	if depth <= 0 {
		kinds = 5
	}
	switch c.Intn(kinds) {
	case 0:
		return nil
	case 1:
		return c.Bool()
	case 2:
		return c.String(8)
	case 3:
		return int64(c.Uint64())
	case 4:
		// A fraction of one half is exact and is never written as an integer.
		return float64(c.Int31()) + 0.5
	case 5:
		list := make([]any, c.Intn(4))
		for i := range list {
			list[i] = value(c, depth-1)
		}
		return list
	default:
		return object(c, depth)
	}
}
