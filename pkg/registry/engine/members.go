// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/targeting"
)

// ClustersIn are the Clusters of a namespace with the groups that they are in, by
// name: for whoever has entries of its own to match them with.
func (e *Engine) ClustersIn(namespace string) ([]targeting.Cluster, error) {
	e.state.RLock()
	defer e.state.RUnlock()
	if e.state.state == nil {
		return nil, ErrNotReady
	}
	clusters := e.state.peek(namespace).clusters
	out := make([]targeting.Cluster, 0, len(clusters))
	for c := range clusters {
		out = append(out, c.targeting)
	}
	slices.SortFunc(out, func(a, b targeting.Cluster) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
