// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package targeting

import (
	"iter"

	"github.com/musterfleet/muster/pkg/registry/index"
)

// Filing says where to file one entry of the target lists.
type Filing struct {
	// Entry numbers first the targets and then the restrictions, in the order of the spec.
	Entry int
	// Labels select the augmented labels of every Cluster that the entry can match: if the
	// entry matches, one of them does. An entry with a clusterName has two, because that
	// can be a name or a display name.
	Labels []index.Selector
	// GroupLabels is set if the entry looks at the labels of groups.
	GroupLabels *index.Selector
}

// Filings yields the filings of all entries that can match at all. The package comment says
// what follows from them.
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
