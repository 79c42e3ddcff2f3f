// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import "iter"

// A watch of one namespace has something in few of the revisions that it goes
// through: with 10,000 agents, in one of 10,000. So the log keeps, for each stride of
// revisions, the set of namespaces that changed in it, and a watch steps over strides
// that have nothing of its own.

// strideLength is how many revisions make a stride. A longer one is passed faster
// and met more often.
const strideLength = 64

// where is a resource in a namespace.
type where struct{ resource, namespace string }

// count gives a revision, the next of the log, its place in a stride.
func (b *Builder) count(r *Revision) {
	r.number = b.log[len(b.log)-1].number + 1
	for resource, changes := range r.changes {
		for _, c := range changes {
			b.stride[where{resource, c.Name.Namespace}] = struct{}{}
		}
	}
	if r.number%strideLength == strideLength-1 {
		r.stride, b.stride = b.stride, map[where]struct{}{}
	}
}

// ChangesSince iterates over the revisions after the given one that changed a
// resource, in order, with their changes (see Revision.Changes). It fails with
// ErrCompacted if the log does not reach back that far.
func (v *View) ChangesSince(revision int64, resource, namespace, name string) (iter.Seq2[int64, []*Change], error) {
	revisions, err := v.Since(revision)
	if err != nil {
		return nil, err
	}
	at := where{resource, namespace}
	return func(yield func(int64, []*Change) bool) {
		for i := 0; i < len(revisions); {
			r := revisions[i]
			last := i + int(strideLength-1-r.number%strideLength)
			if namespace != "" && last < len(revisions) {
				if _, any := revisions[last].stride[at]; !any {
					i = last + 1
					continue
				}
			}
			if changes := r.Changes(resource, namespace, name); len(changes) > 0 && !yield(r.At, changes) {
				return
			}
			i++
		}
	}, nil
}
