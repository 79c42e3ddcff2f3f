// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"errors"
	"fmt"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// Excess says what a version asks of every Cluster that takes one of its targets, beyond
// what a Cluster gives.
type Excess struct {
	// Target is the index of the target, or -1 for the options of the Bundle.
	Target int
	// Field is the path below the options.
	Field string
	// Text says what is too much.
	Text string
}

// maxAnalysed bounds how many targets with their own Helm options Excess looks at.
const maxAnalysed = 8

// Excess returns why some target of the version cannot work on any Cluster with labels: its
// templates need more work than a Cluster gives. It returns nil if it finds no such target.
// It costs the preparation of a few matches, which the version keeps.
func (v *Version) Excess() *Excess {
	if !v.hasHelm() {
		return nil
	}
	analysed, bare := 0, false
	customizations := max(0, len(v.spec.Targets)-len(v.spec.TargetRestrictions))
	if len(v.spec.TargetRestrictions) == 0 {
		customizations = 0
	}
	for i := range v.spec.Targets {
		t := &v.spec.Targets[i]
		own := t.Helm != nil
		if t.DoNotDeploy || i < customizations && v.spec.TargetCustomizationMode == v1alpha1.TargetCustomizationAllMatches {
			continue // it never applies alone
		}
		switch {
		case own && analysed < maxAnalysed:
			analysed++
		case !own && !bare:
			bare = true
		default:
			continue
		}
		p := v.plan(targeting.Match{Target: i})
		if field, text := p.values.excess(p.options.Helm); text != "" {
			e := &Excess{Target: -1, Field: field, Text: text}
			if own {
				e.Target = i
			}
			return e
		}
	}
	return nil
}

func (v *Version) hasHelm() bool {
	return v.spec.Helm != nil || slices.ContainsFunc(v.spec.Targets, func(t v1alpha1.BundleTarget) bool { return t.Helm != nil })
}

// excess returns the field that fails on every Cluster, and the reason; "" if it finds
// none.
func (v *values) excess(helm *v1alpha1.HelmOptions) (field, text string) {
	if errors.Is(v.err, errPreparation) || errors.Is(v.err, errValuesTooDeep) {
		return "helm.values", v.err.Error()
	}
	if v.err != nil || helm == nil || helm.DisablePreProcess {
		return "", ""
	}
	units, most := 0, 0
	note := func(t *sandbox.Template, in string) {
		if t == nil {
			return
		}
		n := t.AtLeast()
		if units += n; n > most {
			field, most = in, n
		}
	}
	note(v.source, "helm.values")
	for _, t := range v.keyed {
		note(t.template, "helm.templateValues["+t.key+"]")
	}
	if units <= sandbox.MaxWork {
		return "", ""
	}
	return field, fmt.Sprintf("the templates take at least %d units of work on each Cluster, and may take %d: "+
		"use fewer and smaller templates, and not derivePassword, or put the values into a Secret and use valuesFrom", units, sandbox.MaxWork)
}
