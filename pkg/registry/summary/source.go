// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import "github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"

const (
	gitJobCurrent = "Current"
	gitUpdating   = "GitUpdating"
)

// Source holds the input for the status of a GitRepo or HelmOp, without its resources (see
// Resources and PerCluster).
type Source struct {
	// Sum is over all BundleDeployments of the GitRepo or HelmOp.
	Sum Weight
	// First holds the first entries.
	First []v1alpha1.NonReadyResource
	// Worst is the message of the first BundleDeployment in the state Sum.Worst().
	Worst string
	// Clusters counts the Clusters that it deploys to. Those on which all its
	// BundleDeployments are Ready count as ready.
	Clusters Readiness
}

// GitRepoStatus fills in what follows from the BundleDeployments of a GitRepo: all of the
// common part except the resources (S 7.6). failing is the Ready condition of the first
// Bundle that has a False one, or nil. It replaces the GitRepo's. The display also depends
// on status.gitJobStatus, which is reported: the caller fills it in first.
func GitRepoStatus(status *v1alpha1.GitRepoStatus, source Source, failing *v1alpha1.GenericCondition) {
	source.fill(&status.StatusBase)
	if status.GitJobStatus != gitJobCurrent {
		status.Display.State = gitUpdating
	}
	if failing != nil {
		status.Conditions = WithCondition(status.Conditions, *failing)
	}
}

// HelmOpStatus fills in what follows from the BundleDeployments of a HelmOp: all of the
// common part except the resources (S 7.6).
func HelmOpStatus(status *v1alpha1.HelmOpStatus, source Source) {
	source.fill(&status.StatusBase)
}

func (s *Source) fill(base *v1alpha1.StatusBase) {
	base.Summary = Summary(s.Sum, s.First)
	base.ReadyClusters, base.DesiredReadyClusters = s.Clusters.Ready, s.Clusters.Desired
	base.ResourceCounts = s.Sum.Resources
	base.Display = v1alpha1.StatusDisplay{ReadyBundleDeployments: readiness(&base.Summary)}
	if worst := s.Sum.Worst(); worst != v1alpha1.Ready {
		base.Display.State = string(worst)
		base.Display.Message = s.Worst
		base.Display.Error = s.Worst != ""
	}
	base.Conditions = WithCondition(base.Conditions, ReadyCondition(base.Summary, OfBundles))
}
