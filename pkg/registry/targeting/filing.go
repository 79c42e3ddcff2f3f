// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"iter"

	"github.com/musterfleet/muster/pkg/registry/index"
)

// Filing says where one entry of the target lists is to be filed.
type Filing struct {
	// Entry numbers the targets and then the restrictions, in the order of the spec.
	Entry int
	// Labels select the augmented labels of every Cluster that the entry can match:
	// one of them matches if the entry does. Two if a clusterName is given, which can
	// be a name or a display name.
	Labels []index.Selector
	// GroupLabels is set if the entry looks at the labels of groups.
	GroupLabels *index.Selector
}

// Filings yields the filings of all entries that can match at all. The package
// comment says what can be concluded from them.
func (t *Targets) Filings() iter.Seq[Filing] {
	return func(yield func(Filing) bool) {
		for i := range t.entries {
			e := &t.entries[i]
			if e.hasCriteria() && !yield(Filing{Entry: i, Labels: e.labels(), GroupLabels: e.groupSelector}) {
				return
			}
		}
	}
}
