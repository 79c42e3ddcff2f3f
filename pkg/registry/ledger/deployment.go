// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"

	"github.com/musterfleet/muster/pkg/registry/summary"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// stored returns what roll-ups read of a BundleDeployment as it is. Clusters, GitRepos and
// HelmOps use what is promoted (S 7.1).
func stored(d *view.BundleDeployment) summary.Deployment {
	out := summary.Deployment{
		Name:     d.Bundle.Bundle.Name,
		Want:     d.Content.DeploymentID,
		Staged:   cmp.Or(d.Staged, d.Content).DeploymentID,
		Promoted: d.Content.DeploymentID,
	}
	if d.Report != nil {
		out.Report = d.Report
	}
	return out
}

func weighStored(d *view.BundleDeployment) summary.Weight { return stored(d).Weight() }
