// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

// The bounds on what roll-ups read of one report.
const (
	// MostObjects is how many of a report's resources roll-ups list.
	MostObjects = 1000
	// objectBytes is the most bytes that their names take together.
	objectBytes = 128 << 10
	// MostNamed is how many objects of a report are named as modified, and how many as
	// not ready: agents send no more.
	MostNamed = 10
	// MostText is how many bytes of JSON a message or a patch takes.
	MostText = 4 << 10
	// explanationBytes is how many bytes of JSON all that explains one report takes.
	explanationBytes = 32 << 10
)

// Listed returns those resources of a report that roll-ups list.
func Listed(status *v1alpha1.BundleDeploymentStatus) []v1alpha1.BundleDeploymentResource {
	list, _ := listed(status)
	return list
}

func listed(status *v1alpha1.BundleDeploymentStatus) (list []v1alpha1.BundleDeploymentResource, bytes int) {
	list = status.Resources
	if len(list) > MostObjects {
		list = list[:MostObjects:MostObjects]
	}
	for i := range list {
		r := &list[i]
		size := len(r.Kind) + len(r.APIVersion) + len(r.Namespace) + len(r.Name)
		if bytes+size > objectBytes {
			return list[:i:i], bytes
		}
		bytes += size
	}
	return list, bytes
}

// Brief returns the part of a report that roll-ups read. They read the same from it as
// from the whole. It has no deployment ID: that is in the Digest.
func Brief(status *v1alpha1.BundleDeploymentStatus) *v1alpha1.BundleDeploymentStatus {
	said := Explain(status)
	out := &v1alpha1.BundleDeploymentStatus{ModifiedStatus: said.ModifiedStatus, NonReadyStatus: said.NonReadyStatus, IncompleteState: Incomplete(status)}
	for _, r := range Listed(status) {
		out.Resources = append(out.Resources, v1alpha1.BundleDeploymentResource{Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name})
	}
	for _, c := range []v1alpha1.GenericCondition{
		{Type: conditionDeployed, Message: said.Deployed},
		{Type: conditionInstalled, Message: said.Installed},
		{Type: conditionMonitored, Message: said.Monitored},
	} {
		if c.Message != "" {
			out.Conditions = append(out.Conditions, c)
		}
	}
	return out
}

// Incomplete reports whether the agent, or a bound, has cut the lists of objects.
func Incomplete(status *v1alpha1.BundleDeploymentStatus) bool {
	if status.IncompleteState {
		return true
	}
	if len(status.Resources) == 0 && len(status.ModifiedStatus)+len(status.NonReadyStatus) == 0 {
		return false
	}
	said := Explain(status)
	return len(Listed(status)) < len(status.Resources) || said.unnamed(status) > 0
}
