// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
	"github.com/musterfleet/muster/pkg/registry/rollout"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// countsAgainstLimit reports whether a report may make one more BundleDeployment of a
// limited Bundle unavailable (S 6.3). It also returns the guard of the promotions that were
// counted without the report, or no guard if nothing limits the Bundle. A BundleDeployment
// that was not ready was unavailable before. The answer false holds only while what is
// promoted is as in the view. A Bundle whose newest version fails counts as limited,
// because the version in force in its place may be limited.
func countsAgainstLimit(v *view.View, item view.Item, next record.APIObject) (record.Key, bool) {
	pair, ok := item.(*view.BundleDeployment)
	if !ok {
		return record.Key{}, false
	}
	name := record.Name{Namespace: pair.Bundle.Bundle.Namespace, Name: pair.Bundle.Bundle.Name}
	bundle, ok := v.Get(record.Bundles, name).(*view.Object)
	if !ok || !rollout.Limited(bundle.Record.Object.(*v1alpha1.Bundle).Spec.RolloutStrategy) && bundle.Derived.Failure == "" {
		return record.Key{}, false
	}
	var was reports.Digest
	if pair.Report != nil {
		was = pair.Report.Digest()
	}
	is := next.(*v1alpha1.BundleDeployment).Status
	same := was.Applied == is.AppliedDeploymentID && was.Ready == is.Ready
	available := is.Ready && is.AppliedDeploymentID == pair.Content.DeploymentID
	return record.RolloutGuardKey(name), was.Ready && !same && !available
}
