// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "fmt"

// Check returns an error if a sum is not that of a scan, or members are out of order. It
// costs O(n); it is an invariant (package invariants).
func (r *Ranked[M]) Check() error {
	var last *M
	var check func(n *node[M]) (sum Weight, size int, err error)
	check = func(n *node[M]) (sum Weight, size int, err error) {
		for i := range n.members {
			if last != nil && r.compare(*last, n.members[i]) >= 0 {
				return sum, size, fmt.Errorf("a member is not after the one before it")
			}
			last = &n.members[i]
			sum.Add(r.weigh(n.members[i]))
			size++
		}
		for _, c := range n.children {
			below, of, err := check(c)
			if err != nil {
				return sum, size, err
			}
			sum.Add(below)
			size += of
		}
		if sum != n.sum || size != n.size {
			return sum, size, fmt.Errorf("the sum of %d members is %+v, and a scan finds %d with %+v", n.size, n.sum, size, sum)
		}
		return sum, size, nil
	}
	_, _, err := check(r.root)
	return err
}
