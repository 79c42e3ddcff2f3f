// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import "iter"

// Few of the revisions that a watch of one namespace passes change anything in it: with
// 10,000 agents, one of 10,000. So the log has a skip index: for each block of revisions,
// the namespaces that changed in it. A watch skips the blocks without its own namespace.

// blockLength is the number of revisions in a block. A longer block is skipped faster, and
// has to be read more often.
const blockLength = 64

type where struct{ resource, namespace string }

// count numbers the next revision of the log, and adds its changes to the skip index.
func (b *Builder) count(r *Revision) {
	r.number = b.log[len(b.log)-1].number + 1
	for resource, changes := range r.changes {
		for _, c := range changes {
			b.touched[where{resource, c.Name.Namespace}] = struct{}{}
		}
	}
	if r.number%blockLength == blockLength-1 {
		r.touched, b.touched = b.touched, map[where]struct{}{}
	}
}

// ChangesSince iterates over the changes of a resource after a version, in order, one
// revision at a time. If namespace is not "", it returns only changes there; if name is not
// "" either, only those of that object. It fails with ErrCompacted if the log does not
// reach back that far.
func (v *View) ChangesSince(from Version, resource, namespace, name string) (iter.Seq[Placed], error) {
	revisions, err := v.Since(from.Revision())
	if err != nil {
		return nil, err
	}
	var rest Placed
	if !from.Whole() {
		if v.loaded(from.Revision()) {
			return nil, ErrCompacted
		}
		if r := v.Exactly(from.Revision()); r != nil {
			rest = r.Placed(resource, namespace, name).after(from)
		}
	}
	at := where{resource, namespace}
	return func(yield func(Placed) bool) {
		if len(rest.Changes) > 0 && !yield(rest) {
			return
		}
		for i := 0; i < len(revisions); {
			r := revisions[i]
			last := i + int(blockLength-1-r.number%blockLength)
			if namespace != "" && last < len(revisions) {
				if _, any := revisions[last].touched[at]; !any {
					i = last + 1
					continue
				}
			}
			if placed := r.Placed(resource, namespace, name); len(placed.Changes) > 0 && !yield(placed) {
				return
			}
			i++
		}
	}, nil
}
