// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Targets are the compiled target lists of one Bundle spec.
type Targets struct {
	// entries are first the targets and then the restrictions, in the order of the spec.
	entries []Entry
	// doNotDeploy has one element for each target.
	doNotDeploy []bool
	// plain is the index of the first plain target. Those before it are customizations.
	plain int
	// allMatches says that every matching customization applies, not only the first.
	allMatches bool
}

// Compile compiles the targets and restrictions of a spec. A malformed selector in any of
// them is an error (S 2.1, 2.7), which names the field and the fix.
func Compile(spec *v1alpha1.BundleSpec) (*Targets, error) {
	t := &Targets{
		entries:     make([]Entry, 0, len(spec.Targets)+len(spec.TargetRestrictions)),
		doNotDeploy: make([]bool, 0, len(spec.Targets)),
		allMatches:  spec.TargetCustomizationMode == v1alpha1.TargetCustomizationAllMatches,
	}
	for i := range spec.Targets {
		in := &spec.Targets[i]
		e, err := CompileEntry(fmt.Sprintf("spec.targets[%d]", i), in.ClusterCriteria)
		if err != nil {
			return nil, err
		}
		t.entries = append(t.entries, e)
		t.doNotDeploy = append(t.doNotDeploy, in.DoNotDeploy)
	}
	for i := range spec.TargetRestrictions {
		in := &spec.TargetRestrictions[i]
		e, err := CompileEntry(fmt.Sprintf("spec.targetRestrictions[%d]", i), in.ClusterCriteria)
		if err != nil {
			return nil, err
		}
		t.entries = append(t.entries, e)
	}
	// The number alone decides (S 2.3): as many targets as restrictions are plain,
	// and those before them customize.
	if restrictions := len(spec.TargetRestrictions); restrictions > 0 {
		t.plain = max(0, len(spec.Targets)-restrictions)
	}
	return t, nil
}

func (t *Targets) targets() []Entry      { return t.entries[:len(t.doNotDeploy)] }
func (t *Targets) restrictions() []Entry { return t.entries[len(t.doNotDeploy):] }
