// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kinds

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// normalizeCluster removes an empty agentSchedulingCustomization. Rancher writes one, and
// Fleet's controller removes it by a write of its own (S 1.4). agentmanagement hashes the field,
// and an empty one counts as a change: it would deploy the agent twice. Here it never sees it. A
// client that writes it again changes nothing.
//
// A field that the schema refuses is empty too, and remains, so that the answer names it.
func normalizeCluster(o *v1alpha1.Cluster) {
	custom := o.Spec.AgentSchedulingCustomization
	if custom == nil || *custom != (v1alpha1.AgentSchedulingCustomization{}) || len(o.Form().Refusals()) > 0 {
		return
	}
	o.Spec.AgentSchedulingCustomization = nil
	*o.Form() = o.Form().Without("spec", "agentSchedulingCustomization")
}
