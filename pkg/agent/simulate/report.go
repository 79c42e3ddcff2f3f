// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Outcome says how an attempt to deploy ends.
type Outcome int

const (
	// Succeed deploys, and everything becomes ready.
	Succeed Outcome = iota
	// Fail deploys nothing: the state is ErrApplied.
	Fail
	// Degrade deploys objects that are not ready: the state is NotReady.
	Degrade
	// Drift deploys objects that are edited afterwards: the state is Modified.
	Drift
)

var errRefused = errors.New("simulated: the cluster refuses the objects")

// say writes an outcome into a status, as the agent of S 9.7 does.
func say(bd *v1alpha1.BundleDeployment, outcome Outcome, resources int, now time.Time) {
	status := &bd.Status
	if outcome == Fail {
		upstream.SetCondition(status, upstream.Deployed, errRefused, now)
		return
	}
	if status.AppliedDeploymentID != bd.Spec.DeploymentID {
		status.AppliedDeploymentID = bd.Spec.DeploymentID
		status.Release = nextRelease(status.Release, bd)
	}
	upstream.SetCondition(status, upstream.Installed, nil, now)
	upstream.SetCondition(status, upstream.Deployed, nil, now)
	status.Resources = deployed(bd, resources)
	status.ResourceCounts = v1alpha1.ResourceCounts{Ready: resources, DesiredReady: resources}
	status.NonReadyStatus, status.ModifiedStatus = nil, nil
	switch {
	case resources == 0:
	case outcome == Degrade:
		r := status.Resources[0]
		status.NonReadyStatus = []v1alpha1.NonReadyStatus{{
			Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name,
			Summary: v1alpha1.ObjectSummary{State: "in-progress", Transitioning: true, Message: []string{"simulated: starting"}},
		}}
		status.ResourceCounts.Ready--
		status.ResourceCounts.NotReady++
	case outcome == Drift:
		r := status.Resources[0]
		status.ModifiedStatus = []v1alpha1.ModifiedStatus{{
			Kind: r.Kind, APIVersion: r.APIVersion, Namespace: r.Namespace, Name: r.Name, Patch: `{"data":{"simulated":"changed"}}`,
		}}
		status.ResourceCounts.Ready--
		status.ResourceCounts.Modified++
	}
	status.Ready, status.NonModified = outcome != Degrade, outcome != Drift
	status.IncompleteState = false
	status.SyncGeneration = new(bd.Spec.Options.ForceSyncGeneration)
	status.DownstreamResourcesGeneration = bd.Spec.DownstreamResourcesGeneration
	switch outcome {
	case Degrade:
		upstream.SetCondition(status, upstream.Ready, errors.New("not ready"), now)
	case Drift:
		upstream.SetCondition(status, upstream.Ready, errors.New("out of sync"), now)
	case Succeed, Fail:
		upstream.SetCondition(status, upstream.Ready, nil, now)
	}
	upstream.SetCondition(status, upstream.Monitored, nil, now)
}

// deployed returns n objects that a Bundle could have.
func deployed(bd *v1alpha1.BundleDeployment, n int) []v1alpha1.BundleDeploymentResource {
	namespace := bd.Spec.Options.DefaultNamespace
	if bd.Spec.Options.TargetNamespace != "" {
		namespace = bd.Spec.Options.TargetNamespace
	}
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	kinds := []v1alpha1.BundleDeploymentResource{
		{Kind: "ConfigMap", APIVersion: "v1"}, {Kind: "Deployment", APIVersion: "apps/v1"}, {Kind: "Service", APIVersion: "v1"},
	}
	var out []v1alpha1.BundleDeploymentResource
	for i := range n {
		r := kinds[i%len(kinds)]
		r.Namespace, r.Name, r.CreatedAt = namespace, bd.Name, bd.CreationTimestamp
		if i >= len(kinds) {
			r.Name = fmt.Sprintf("%s-%d", bd.Name, i/len(kinds))
		}
		out = append(out, r)
	}
	return out
}

func nextRelease(last string, bd *v1alpha1.BundleDeployment) string {
	revision, _ := strconv.Atoi(last[strings.LastIndexByte(last, ':')+1:]) // 0 for the first release
	namespace := bd.Spec.Options.DefaultNamespace
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return fmt.Sprintf("%s/%s:%d", namespace, bd.Name, revision+1)
}
