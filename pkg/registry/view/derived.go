// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// Derived holds the computed part of a stored object.
type Derived struct {
	// Failure is the message of the Ready condition. It says why a Bundle's newest version
	// fails for some Cluster, or why a Cluster can have no BundleDeployments. It is "" if
	// nothing is wrong.
	Failure string
	// Namespace is a Cluster's status.namespace, unless a client set one.
	Namespace string
	// Status is the object's roll-up; nil if it has none.
	Status Status
}

// Status is a roll-up: the fields of a status that follow from BundleDeployments
// (S 7). It is immutable.
type Status interface {
	// Over sets the derived fields of an object's status and leaves the others alone.
	Over(object record.APIObject)
	// Same reports whether two roll-ups of one object show the same values.
	Same(other Status) bool
}

var (
	_ Status = (*BundleStatus)(nil)
	_ Status = (*ClusterStatus)(nil)
	_ Status = (*GroupStatus)(nil)
	_ Status = (*SourceStatus)(nil)
)

// The types of derived conditions. All other conditions are facts and stay as reported.
const (
	conditionReady     = "Ready"
	conditionProcessed = "Processed"
	conditionTruncated = "Truncated"
)

func (d Derived) same(o Derived) bool {
	if d.Failure != o.Failure || d.Namespace != o.Namespace {
		return false
	}
	if d.Status == nil || o.Status == nil {
		return d.Status == nil && o.Status == nil
	}
	return d.Status == o.Status || d.Status.Same(o.Status)
}

// With returns a copy of the object with another derived part, changed at a version. If
// that part shows the same values, it returns the object itself.
func (o *Object) With(derived Derived, at Version) *Object {
	if o.Derived.same(derived) {
		return o
	}
	with := *o
	with.At, with.Derived = at, derived
	return &with
}

func (d Derived) apply(object record.APIObject) {
	if d.Status != nil {
		d.Status.Over(object)
	}
	switch object := object.(type) {
	case *v1alpha1.Cluster:
		if object.Status.Namespace == "" {
			object.Status.Namespace = d.Namespace
		}
		if d.Failure != "" {
			object.Status.Conditions = reports.WithError(object.Status.Conditions, d.Failure)
		}
	case *v1alpha1.Bundle:
		if d.Failure != "" {
			object.Status.Conditions = reports.WithError(object.Status.Conditions, d.Failure)
		}
	}
}

// BundleStatus is the roll-up of a Bundle (S 7.3). It has only the derived conditions.
type BundleStatus struct{ v1alpha1.BundleStatus }

// Over implements Status.
func (s *BundleStatus) Over(object record.APIObject) {
	to := &object.(*v1alpha1.Bundle).Status
	facts := *to
	*to = s.BundleStatus
	to.Conditions = withConditions(facts.Conditions, s.Conditions)
	// The registry's address is in a Secret that is not mirrored.
	to.OCIReference = facts.OCIReference
}

// Same implements Status.
func (s *BundleStatus) Same(other Status) bool {
	o, ok := other.(*BundleStatus)
	return ok && equality.Semantic.DeepEqual(s, o)
}

// ClusterStatus is the roll-up of a Cluster (S 7.4). A reported Processed condition takes
// precedence over the derived one.
type ClusterStatus struct{ v1alpha1.ClusterStatus }

// waitCheckIn is the state of a Cluster until its agent is first seen.
const waitCheckIn = "WaitCheckIn"

// Over implements Status.
func (s *ClusterStatus) Over(object record.APIObject) {
	to := &object.(*v1alpha1.Cluster).Status
	derived := s.Conditions
	if slices.ContainsFunc(to.Conditions, isProcessed) {
		derived = slices.DeleteFunc(slices.Clone(derived), isProcessed)
	}
	to.Conditions = withConditions(to.Conditions, derived)
	to.Summary, to.ResourceCounts, to.Display = s.Summary, s.ResourceCounts, s.Display
	to.ReadyGitRepos, to.DesiredReadyGitRepos = s.ReadyGitRepos, s.DesiredReadyGitRepos
	to.ReadyHelmOps, to.DesiredReadyHelmOps = s.ReadyHelmOps, s.DesiredReadyHelmOps
	if to.Agent.LastSeen.IsZero() {
		to.Display.State = waitCheckIn
	}
}

// Same implements Status.
func (s *ClusterStatus) Same(other Status) bool {
	o, ok := other.(*ClusterStatus)
	return ok && equality.Semantic.DeepEqual(s, o)
}

// GroupStatus is the roll-up of a ClusterGroup (S 7.5).
type GroupStatus struct{ v1alpha1.ClusterGroupStatus }

// Over implements Status.
func (s *GroupStatus) Over(object record.APIObject) {
	to := &object.(*v1alpha1.ClusterGroup).Status
	conditions := withConditions(to.Conditions, s.Conditions)
	*to = s.ClusterGroupStatus
	to.Conditions = conditions
}

// Same implements Status.
func (s *GroupStatus) Same(other Status) bool {
	o, ok := other.(*GroupStatus)
	return ok && equality.Semantic.DeepEqual(s, o)
}

// SourceStatus is the roll-up of a GitRepo or a HelmOp (S 7.6).
type SourceStatus struct {
	v1alpha1.StatusBase
	// Details holds the parts that grow with the number of BundleDeployments.
	Details Details
}

// Details makes the parts of a status that are too long to compute at each report. It
// makes them when a client reads the status.
type Details interface {
	// Fill sets as much of resources and perClusterResourceCounts as fits, and adds a
	// condition that says what it left out. The caller has set the rest of the status.
	Fill(status *v1alpha1.StatusBase)
	// Same reports whether two details show the same values. Its cost does not grow with
	// their size.
	Same(other Details) bool
}

// gitUpdating is the state of a GitRepo until the content of git is deployed; gitCurrent
// is its job status after that.
const (
	gitUpdating = "GitUpdating"
	gitCurrent  = "Current"
)

// Over implements Status.
func (s *SourceStatus) Over(object record.APIObject) {
	switch object := object.(type) {
	case *v1alpha1.GitRepo:
		s.over(&object.Status.StatusBase)
		if object.Status.GitJobStatus != gitCurrent {
			object.Status.Display.State = gitUpdating
		}
	case *v1alpha1.HelmOp:
		s.over(&object.Status.StatusBase)
	}
}

func (s *SourceStatus) over(to *v1alpha1.StatusBase) {
	conditions := withConditions(to.Conditions, s.Conditions)
	*to = s.StatusBase
	to.Conditions = conditions
	if s.Details != nil {
		s.Details.Fill(to)
	}
}

// Same implements Status.
func (s *SourceStatus) Same(other Status) bool {
	o, ok := other.(*SourceStatus)
	switch {
	case !ok || (s.Details == nil) != (o.Details == nil) || !equality.Semantic.DeepEqual(&s.StatusBase, &o.StatusBase):
		return false
	case s.Details == nil:
		return true
	}
	return s.Details.Same(o.Details)
}

func isProcessed(c v1alpha1.GenericCondition) bool { return c.Type == conditionProcessed }

// processedWell is the derived Processed condition of a Cluster.
var processedWell = v1alpha1.GenericCondition{Type: conditionProcessed, Status: "True"}

// withConditions returns the facts' conditions together with the derived ones. A derived
// condition replaces the fact of its type; otherwise it comes at the end.
func withConditions(facts, derived []v1alpha1.GenericCondition) []v1alpha1.GenericCondition {
	if len(derived) == 0 {
		return facts
	}
	out := slices.Clone(facts)
	for _, c := range derived {
		at := slices.IndexFunc(out, func(have v1alpha1.GenericCondition) bool { return have.Type == c.Type })
		if at < 0 {
			out = append(out, c)
		} else {
			out[at] = c
		}
	}
	return out
}

// Facts removes the derived fields from a status that a client sends. It keeps the namespace
// of a Cluster, because a client may set it. It writes to the object itself, never through a
// pointer in it.
func Facts(object record.APIObject) {
	without := func(conditions []v1alpha1.GenericCondition, types ...string) []v1alpha1.GenericCondition {
		derived := func(c v1alpha1.GenericCondition) bool { return slices.Contains(types, c.Type) }
		if !slices.ContainsFunc(conditions, derived) {
			return conditions
		}
		out := slices.DeleteFunc(slices.Clone(conditions), derived)
		if len(out) == 0 {
			return nil
		}
		return out
	}
	switch object := object.(type) {
	case *v1alpha1.BundleDeployment:
		object.Status.Display = v1alpha1.BundleDeploymentDisplay{}
	case *v1alpha1.Bundle:
		object.Status = v1alpha1.BundleStatus{
			Conditions:   without(object.Status.Conditions, conditionReady, conditionTruncated),
			OCIReference: object.Status.OCIReference,
		}
	case *v1alpha1.Cluster:
		s := &object.Status
		s.Conditions = without(s.Conditions, conditionReady)
		if slices.Contains(s.Conditions, processedWell) {
			// This condition equals the derived one: the client sent back what it had read.
			s.Conditions = without(s.Conditions, conditionProcessed)
		}
		s.Summary, s.ResourceCounts, s.Display = v1alpha1.BundleSummary{}, v1alpha1.ResourceCounts{}, v1alpha1.ClusterDisplay{}
		s.ReadyGitRepos, s.DesiredReadyGitRepos, s.ReadyHelmOps, s.DesiredReadyHelmOps = 0, 0, 0, 0
	case *v1alpha1.ClusterGroup:
		object.Status = v1alpha1.ClusterGroupStatus{Conditions: without(object.Status.Conditions, conditionReady, conditionProcessed)}
	case *v1alpha1.GitRepo:
		object.Status.StatusBase = v1alpha1.StatusBase{Conditions: without(object.Status.Conditions, conditionReady, conditionTruncated)}
	case *v1alpha1.HelmOp:
		object.Status.StatusBase = v1alpha1.StatusBase{Conditions: without(object.Status.Conditions, conditionReady, conditionTruncated)}
	}
}
