// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"fmt"

	"github.com/musterfleet/muster/test/e2e/bench/heap"
	"github.com/musterfleet/muster/test/e2e/bench/report"
	"github.com/musterfleet/muster/test/e2e/bench/site"
)

// showHeap shows what holds the heap in each situation: the first in full, with bytes for
// each BundleDeployment, and the differences of the others. Rows sum up to the memory in
// use.
func showHeap(title string, all []*weighing, deployments int, out *report.Scenario) error {
	table := report.Table{
		Title:   title + ". By heap profiles after a collection, which sample one allocation in 512 KiB (`runtime.MemProfileRate`): estimates.",
		Columns: []string{"", all[0].name + ", MiB", "bytes a BundleDeployment"},
	}
	var columns [][]heap.Group
	for i, w := range all {
		groups, err := heap.Read(w.memory.Profile)
		if err != nil {
			return err
		}
		sum := int64(0)
		for _, g := range groups {
			sum += g.Bytes
		}
		groups = append(groups,
			heap.Group{Name: "goroutines' stacks", Bytes: w.memory.Stacks},
			heap.Group{Name: "what the estimates are off by", Bytes: w.memory.Heap - sum},
			heap.Group{Name: "**in use**", Bytes: w.memory.Used},
		)
		columns = append(columns, groups)
		if i > 0 {
			table.Columns = append(table.Columns, w.name+", MiB", "more")
		}
	}
	for row, first := range columns[0] {
		cells := []string{first.Name, tenth(first.Bytes), fmt.Sprintf("%.0f", float64(first.Bytes)/float64(max(1, deployments)))}
		for _, groups := range columns[1:] {
			cells = append(cells, tenth(groups[row].Bytes), tenth(groups[row].Bytes-first.Bytes))
		}
		table.Rows = append(table.Rows, cells)
	}
	out.Tables = append(out.Tables, table)
	return nil
}

func tenth(bytes int64) string { return fmt.Sprintf("%.1f", site.MiB(bytes)) }
