// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// WarnPolicy reports what a Policy may contain but cannot work.
func WarnPolicy(p *v1alpha1.Policy) []string {
	var w warnings
	if g := p.GitRepo; g != nil {
		w.warnPatterns(field.NewPath("gitRepo", "allowedRepoPatterns"), g.AllowedRepoPatterns)
	}
	if h := p.HelmOp; h != nil {
		w.warnPatterns(field.NewPath("helmOp", "allowedHelmRepoPatterns"), h.AllowedHelmRepoPatterns)
		w.warnPatterns(field.NewPath("helmOp", "allowedChartPatterns"), h.AllowedChartPatterns)
	}
	return w.list()
}
