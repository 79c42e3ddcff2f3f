// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
	"github.com/musterfleet/muster/cmd/muster-agent/monitor"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// reconcile deploys and reports one BundleDeployment, and returns the time until the next
// look.
func (a *Agent) reconcile(ctx context.Context, name types.NamespacedName) (time.Duration, error) {
	read := a.watch.Get(name)
	if read == nil {
		return 0, a.remove(ctx, name.Name)
	}
	if read.Spec.Paused || read.Spec.OffSchedule || read.Spec.WaitingForValues || read.Spec.DeploymentID == "" {
		return 0, nil
	}
	wanted := read.DeepCopy()
	if err := a.fillValues(ctx, wanted); err != nil {
		return 0, err
	}
	again, err := a.bring(ctx, wanted)
	if _, reported := a.up.Report(ctx, read, wanted); reported != nil && !apierrors.IsNotFound(reported) {
		return 0, errors.Join(err, fmt.Errorf("reporting: %w", reported))
	}
	return again, err
}

// bring deploys if necessary, looks at the deployed objects, and writes the result into the
// status.
func (a *Agent) bring(ctx context.Context, bd *v1alpha1.BundleDeployment) (time.Duration, error) {
	status := &bd.Status
	release, err := a.deploy(ctx, bd)
	var waits *upstream.NotReady
	switch {
	case errors.As(err, &waits):
		upstream.SetCondition(status, upstream.Deployed, err, time.Now())
		return dependencyRetry, nil
	case helm.Final(err):
		status.AppliedDeploymentID, status.Release = bd.Spec.DeploymentID, ""
		status.Ready, status.NonModified = false, true
		upstream.SetCondition(status, upstream.Ready, fmt.Errorf("not ready: %w", err), time.Now())
		upstream.SetCondition(status, upstream.Installed, fmt.Errorf("not installed: %w", err), time.Now())
		upstream.SetCondition(status, upstream.Deployed, nil, time.Now())
		a.options.Log.Info("deployment failed permanently", "bundledeployment", bd.Name, "error", err)
		return 0, nil
	case err != nil:
		upstream.SetCondition(status, upstream.Deployed, err, time.Now())
		return 0, err
	}
	upstream.SetCondition(status, upstream.Deployed, nil, time.Now())
	if release == nil || upstream.Condition(status, upstream.Installed) == "False" {
		return 0, nil // the deployment failed permanently before
	}
	if err := a.decorate(ctx, bd); err != nil {
		return 0, err
	}
	return a.look(ctx, bd, release)
}

// deploy makes sure that the wanted version is deployed, and returns its release. The
// release is nil if the deployment failed permanently before.
func (a *Agent) deploy(ctx context.Context, bd *v1alpha1.BundleDeployment) (*helm.Release, error) {
	if err := a.allowed(ctx, bd); err != nil {
		return nil, err
	}
	copied, err := a.copyDown(ctx, bd)
	if err != nil {
		return nil, err
	}
	if err := a.up.Dependencies(ctx, bd); err != nil {
		return nil, err
	}
	status := &bd.Status
	if !copied && status.AppliedDeploymentID == bd.Spec.DeploymentID {
		if upstream.Condition(status, upstream.Installed) == "False" {
			return nil, nil
		}
		if release, err := a.installed(ctx, bd); err != nil || release != nil {
			return release, err
		}
	}
	if err := supported(&bd.Spec); err != nil {
		return nil, err
	}
	release, err := a.apply(ctx, bd)
	if err != nil {
		return nil, err
	}
	a.options.Log.Info("deployed", "bundledeployment", bd.Name, "release", release.String(), "deploymentID", bd.Spec.DeploymentID)
	status.AppliedDeploymentID = bd.Spec.DeploymentID
	upstream.SetCondition(status, upstream.Installed, nil, time.Now())
	return release, nil
}

// supported returns an error for a spec that this agent would deploy in another way than
// Fleet's.
func supported(spec *v1alpha1.BundleDeploymentSpec) error {
	switch {
	case spec.OCIContents:
		return errors.New("the bundle is in an OCI registry, which muster-agent does not read")
	case spec.HelmChartOptions != nil:
		return errors.New("the bundle's chart has to be downloaded, which muster-agent does not do")
	case spec.Options.ServiceAccount != "":
		return errors.New("the bundle names a service account, which muster-agent does not impersonate")
	}
	return nil
}

// installed returns the release of a BundleDeployment if its last deployment succeeded,
// otherwise nil.
func (a *Agent) installed(ctx context.Context, bd *v1alpha1.BundleDeployment) (*helm.Release, error) {
	releases, err := a.deployer.Releases(ctx)
	if err != nil {
		return nil, err
	}
	namespace, name := helm.Key(bd.Name, &bd.Spec.Options)
	for _, r := range releases {
		if r.Bundle == bd.Name && r.Namespace == namespace && r.Name == name && r.Deployed {
			return r, nil
		}
	}
	return nil, nil
}

// look writes the state of a release's objects into the status.
func (a *Agent) look(ctx context.Context, bd *v1alpha1.BundleDeployment, release *helm.Release) (time.Duration, error) {
	seen, err := a.monitor.Look(ctx, release, &bd.Spec.Options)
	upstream.SetCondition(&bd.Status, upstream.Monitored, err, time.Now())
	if err != nil {
		return 0, err
	}
	monitor.Report(&bd.Status, seen, time.Now())
	generation := bd.Spec.Options.ForceSyncGeneration
	bd.Status.SyncGeneration = &generation
	if c := bd.Spec.CorrectDrift; c != nil && c.Enabled && len(seen.Modified) > 0 {
		// The report says what the agent saw; the next look sees the correction.
		corrected, err := a.apply(ctx, bd)
		if err != nil {
			return 0, fmt.Errorf("correcting drift: %w", err)
		}
		a.options.Log.Info("corrected drift", "bundledeployment", bd.Name, "release", corrected.String())
		return firstRetry, nil
	}
	return a.options.Monitor, nil
}

// apply installs or upgrades the release, also if the cluster has the wanted version.
func (a *Agent) apply(ctx context.Context, bd *v1alpha1.BundleDeployment) (*helm.Release, error) {
	resources, err := a.up.Manifest(ctx, bd.Spec.DeploymentID)
	if err != nil {
		return nil, err
	}
	values, err := a.values(ctx, bd)
	if err != nil {
		return nil, err
	}
	id, _, _ := strings.Cut(bd.Spec.DeploymentID, ":")
	release, err := a.deployer.Deploy(ctx, helm.Deployment{Name: bd.Name, ManifestID: id, Resources: resources, Options: &bd.Spec.Options, Values: values})
	if err == nil {
		bd.Status.Release = release.String()
	}
	return release, err
}
