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

// ChangesSince iterates over what changed of a resource after a version, in order, one
// revision at a time; of one namespace if it is not "", of one name if that is not "" too.
// It fails with ErrCompacted if the log does not reach back that far.
func (v *View) ChangesSince(from Version, resource, namespace, name string) (iter.Seq[Told], error) {
	revisions, err := v.Since(from.Revision())
	if err != nil {
		return nil, err
	}
	var rest Told
	if !from.Whole() {
		if v.loaded(from.Revision()) {
			return nil, ErrCompacted
		}
		if r := v.Exactly(from.Revision()); r != nil {
			rest = r.Told(resource, namespace, name).after(from)
		}
	}
	at := where{resource, namespace}
	return func(yield func(Told) bool) {
		if len(rest.Changes) > 0 && !yield(rest) {
			return
		}
		for i := 0; i < len(revisions); {
			r := revisions[i]
			last := i + int(strideLength-1-r.number%strideLength)
			if namespace != "" && last < len(revisions) {
				if _, any := revisions[last].stride[at]; !any {
					i = last + 1
					continue
				}
			}
			if told := r.Told(resource, namespace, name); len(told.Changes) > 0 && !yield(told) {
				return
			}
			i++
		}
	}, nil
}
