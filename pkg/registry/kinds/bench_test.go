// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import (
	"fmt"
	"strings"
	"testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// The cost of an agent's report must not depend on the size of what it reports on.
func BenchmarkStatusUpdate(b *testing.B) {
	s := ByResource("bundles").StatusStrategy(nil)
	for _, files := range []int{1, 1000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			old := &v1alpha1.Bundle{}
			for range files {
				old.Spec.Resources = append(old.Spec.Resources, v1alpha1.BundleResource{Content: strings.Repeat("x", 1000)})
			}
			obj := &v1alpha1.Bundle{}
			b.ReportAllocs()
			for b.Loop() {
				s.PrepareForUpdate(b.Context(), obj, old)
			}
		})
	}
}

func BenchmarkTable(b *testing.B) {
	list := &v1alpha1.BundleDeploymentList{Items: make([]v1alpha1.BundleDeployment, 1000)}
	for i := range list.Items {
		list.Items[i].Name = fmt.Sprintf("bundle-%d", i)
		list.Items[i].Status.Display.Deployed = "True"
		list.Items[i].Status.Conditions = []v1alpha1.GenericCondition{{Type: "Installed"}, {Type: "Ready", Message: "m"}}
	}
	c := ByResource("bundledeployments").TableConvertor()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.ConvertToTable(b.Context(), list, nil); err != nil {
			b.Fatal(err)
		}
	}
}
