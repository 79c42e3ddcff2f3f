// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// someSource returns the key of a GitRepo or a HelmOp that Bundles may name as their source.
func (e *edits) someSource() record.Key {
	if e.oneIn(2) {
		return record.ObjectKey(record.HelmOps, e.name([]string{"op"}))
	}
	return record.ObjectKey(record.GitRepos, e.name([]string{"repo"}))
}

func (e *edits) sourceEdit() Proposal {
	key := e.someSource()
	p := Proposal{Resource: key.Resource, Name: key.Name}
	r := e.j.object(e.t, key.Resource, key.Name)
	switch {
	case r != nil && e.oneIn(2):
		return p
	case r == nil && key.Resource == record.GitRepos:
		r = &record.Object{Object: &v1alpha1.GitRepo{ObjectMeta: e.meta(key.Name)}}
	case r == nil:
		r = &record.Object{Object: &v1alpha1.HelmOp{ObjectMeta: e.meta(key.Name)}}
	}
	if repo, ok := r.Object.(*v1alpha1.GitRepo); ok {
		repo.Spec.Repo = pick(e.universe, "https://one", "https://two", "https://two", "")
	}
	p.Object = r
	return p
}

// sourceReport adds what Fleet's other controllers report on a GitRepo or a HelmOp.
func (e *edits) sourceReport(txn *etcd.Txn) {
	key := e.someSource()
	r := e.j.object(e.t, key.Resource, key.Name)
	if r == nil {
		return
	}
	report := &record.Report{UID: r.Object.GetUID()}
	accepted := []v1alpha1.GenericCondition{{Type: "Accepted", Status: "True"}}
	switch r.Object.(type) {
	case *v1alpha1.GitRepo:
		status := &v1alpha1.GitRepo{}
		status.Status.Conditions = accepted
		status.Status.GitJobStatus, status.Status.Commit = pick(e.universe, "Current", "InProgress", ""), pick(e.universe, "c1", "c2")
		report.Status = status
	case *v1alpha1.HelmOp:
		status := &v1alpha1.HelmOp{}
		status.Status.Conditions = accepted
		status.Status.Version = pick(e.universe, "1.0.0", "2.0.0")
		report.Status = status
	}
	put(e.t, txn, record.ReportKey(key.Resource, key.Name), report)
}

// reportOn returns what an agent could report on a BundleDeployment. Half of the time all is
// well.
func (e *edits) reportOn(bd *v1alpha1.BundleDeployment) v1alpha1.BundleDeploymentStatus {
	status := v1alpha1.BundleDeploymentStatus{
		Release: "d/r:1", AppliedDeploymentID: bd.Spec.DeploymentID, Ready: true, NonModified: true,
		ResourceCounts: v1alpha1.ResourceCounts{Ready: e.IntN(3), DesiredReady: e.IntN(3)},
	}
	for _, name := range pick(e.universe, nil, []string{"m1"}, []string{"m1", "m2"}) {
		status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{Kind: "ConfigMap", APIVersion: "v1", Namespace: "d", Name: name})
	}
	if e.oneIn(2) {
		return status
	}
	say := func(kind, is string) {
		status.Conditions = append(status.Conditions, v1alpha1.GenericCondition{Type: kind, Status: is, Message: pick(e.universe, "", fmt.Sprint(kind, " says so"))})
	}
	status.AppliedDeploymentID = pick(e.universe, bd.Spec.DeploymentID, bd.Spec.StagedDeploymentID, "s-old:1", "")
	status.Ready, status.NonModified = e.oneIn(2), e.oneIn(2)
	for _, kind := range []string{"Installed", "Deployed", "Monitored"} {
		if e.oneIn(2) {
			say(kind, pick(e.universe, "True", "False"))
		}
	}
	if !status.Ready && e.oneIn(2) {
		status.NonReadyStatus = []v1alpha1.NonReadyStatus{{
			Kind: "Pod", APIVersion: "v1", Namespace: "d", Name: "p",
			Summary: v1alpha1.ObjectSummary{State: pick(e.universe, "updating", "in-progress"), Transitioning: e.oneIn(2)},
		}}
	}
	if !status.NonModified && e.oneIn(2) {
		status.ModifiedStatus = []v1alpha1.ModifiedStatus{{Kind: "ConfigMap", APIVersion: "v1", Namespace: "d", Name: "m1", Create: e.oneIn(2), Delete: e.oneIn(3)}}
		status.IncompleteState = e.oneIn(4)
	}
	return status
}
