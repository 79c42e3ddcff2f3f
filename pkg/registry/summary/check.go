// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "fmt"

// Check returns an error if a sum differs from a scan, or members are out of order. It costs
// O(n), and package invariants checks it.
func (r *Ranked[M]) Check() error {
	var last *M
	var check func(n *node[M]) (sum Weight, size int, err error)
	check = func(n *node[M]) (sum Weight, size int, err error) {
		for i := range n.members {
			if last != nil && r.compare(*last, n.members[i]) >= 0 {
				return sum, size, fmt.Errorf("members are out of order")
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
			return sum, size, fmt.Errorf("the sum of %d members is %+v, but a scan finds %d members with %+v", n.size, n.sum, size, sum)
		}
		return sum, size, nil
	}
	_, _, err := check(r.root)
	return err
}
