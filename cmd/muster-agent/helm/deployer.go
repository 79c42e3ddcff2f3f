// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"helm.sh/helm/v4/pkg/action"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/kube"
	"helm.sh/helm/v4/pkg/postrenderer"
	releasecommon "helm.sh/helm/v4/pkg/release/common"
	release "helm.sh/helm/v4/pkg/release/v1"
	"helm.sh/helm/v4/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Manager is the field manager of deployed objects.
const Manager = "muster-agent"

const (
	defaultHistory = 2               // S 12
	uninstallLimit = 5 * time.Minute // Fleet's limit, for hooks
)

// Deployer deploys into one cluster.
type Deployer struct {
	getter *getter
	agent  string
	log    slog.Handler
}

// New returns the deployer of an agent. The name agent is the namespace that the agent runs
// in: it lets each of several agents in one cluster find only its own releases.
func New(config *rest.Config, agent string, log slog.Handler) (*Deployer, error) {
	kube.ManagedFieldsManager = Manager
	getter, err := newGetter(config)
	if err != nil {
		return nil, err
	}
	return &Deployer{getter: getter, agent: agent, log: log}, nil
}

// Mapper returns the mapping of kinds to resources in the cluster.
func (d *Deployer) Mapper() meta.ResettableRESTMapper { return d.getter.mapper }

func (d *Deployer) configuration(namespace string) (*action.Configuration, error) {
	config := action.NewConfiguration(action.ConfigurationSetLogger(d.log))
	return config, config.Init(d.getter.in(namespace), namespace, "secret")
}

// Deployment describes one deployment.
type Deployment struct {
	// Name is the name of the BundleDeployment.
	Name string
	// ManifestID identifies the resources.
	ManifestID string
	Resources  []v1alpha1.BundleResource
	Options    *v1alpha1.BundleDeploymentOptions
	// Values are the values of the options and of the objects that they refer to.
	Values map[string]any
}

// Deploy installs or upgrades a release.
func (d *Deployer) Deploy(ctx context.Context, what Deployment) (*Release, error) {
	namespace, name := Key(what.Name, what.Options)
	made, err := makeChart(what.Name, what.ManifestID, what.Resources, what.Options)
	if err != nil {
		return nil, err
	}
	d.mark(made, what)
	config, err := d.configuration(namespace)
	if err != nil {
		return nil, err
	}
	exists, err := mend(config, name)
	if err != nil {
		return nil, err
	}
	var done any
	if exists {
		done, err = d.upgrade(config, what).RunWithContext(ctx, name, made, what.Values)
	} else {
		install := d.install(config, what)
		install.Namespace, install.ReleaseName = namespace, name
		done, err = install.RunWithContext(ctx, made, what.Values)
	}
	if err != nil {
		return nil, err
	}
	released, ok := done.(*release.Release)
	if !ok {
		return nil, fmt.Errorf("helm returned a %T, not a release", done)
	}
	return d.own(released), nil
}

// mark writes the owner of a release into its chart.
func (d *Deployer) mark(made *chart.Chart, what Deployment) {
	notes := map[string]string{annotationBundle: what.Name, annotationAgent: d.agent}
	if what.Options.KeepResources {
		notes[annotationKeep] = "true"
	}
	if made.Metadata.Annotations == nil {
		made.Metadata.Annotations = map[string]string{}
	}
	maps.Copy(made.Metadata.Annotations, notes)
}

// mend reports whether a release exists that can be upgraded. It removes revisions that
// were cut short because the agent ended: Helm would wait for them for ever.
func mend(config *action.Configuration, name string) (exists bool, err error) {
	for {
		last, err := config.Releases.Last(name)
		if errors.Is(err, driver.ErrReleaseNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r, ok := last.(*release.Release)
		if !ok {
			return false, fmt.Errorf("helm stores a %T, not a release", last)
		}
		switch {
		case r.Info.Status.IsPending(), r.Info.Status == releasecommon.StatusUninstalling, r.Info.Status == releasecommon.StatusUninstalled:
			if _, err := config.Releases.Delete(name, r.Version); err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
				return false, err
			}
		default:
			return true, nil
		}
	}
}

func (d *Deployer) install(config *action.Configuration, what Deployment) *action.Install {
	helm := helmOptions(what.Options)
	run := action.NewInstall(config)
	run.CreateNamespace = what.Options.CreateNamespace == nil || *what.Options.CreateNamespace
	run.Timeout, run.WaitStrategy = waiting(helm)
	run.WaitForJobs, run.TakeOwnership, run.RollbackOnFailure = helm.WaitForJobs, helm.TakeOwnership, helm.Atomic
	run.SkipSchemaValidation, run.EnableDNS = helm.SkipSchemaValidation, !helm.DisableDNS
	// Change back what others have edited in the cluster.
	run.ForceConflicts = true
	run.PostRenderer = d.mover(what.Options)
	return run
}

func (d *Deployer) upgrade(config *action.Configuration, what Deployment) *action.Upgrade {
	helm := helmOptions(what.Options)
	run := action.NewUpgrade(config)
	run.MaxHistory = cmp.Or(helm.MaxHistory, defaultHistory)
	run.Timeout, run.WaitStrategy = waiting(helm)
	run.WaitForJobs, run.TakeOwnership, run.RollbackOnFailure = helm.WaitForJobs, helm.TakeOwnership, helm.Atomic
	run.SkipSchemaValidation, run.EnableDNS = helm.SkipSchemaValidation, !helm.DisableDNS
	run.ForceConflicts, run.ResetValues = true, true
	run.PostRenderer = d.mover(what.Options)
	return run
}

func helmOptions(options *v1alpha1.BundleDeploymentOptions) *v1alpha1.HelmOptions {
	if options.Helm == nil {
		return &v1alpha1.HelmOptions{}
	}
	return options.Helm
}

func waiting(helm *v1alpha1.HelmOptions) (time.Duration, kube.WaitStrategy) {
	if helm.TimeoutSeconds > 0 {
		return time.Duration(helm.TimeoutSeconds) * time.Second, kube.StatusWatcherStrategy
	}
	return uninstallLimit, kube.HookOnlyStrategy
}

func (d *Deployer) mover(options *v1alpha1.BundleDeploymentOptions) postrenderer.PostRenderer {
	if options.TargetNamespace == "" {
		return nil // Helm would call a typed nil to render
	}
	return into{namespace: options.TargetNamespace, mapper: d.getter.mapper}
}

// Uninstall removes a release, and its objects unless they have to be kept. A release that
// no longer exists is not an error.
func (d *Deployer) Uninstall(_ context.Context, r *Release) error {
	config, err := d.configuration(r.Namespace)
	if err != nil {
		return err
	}
	if r.Keep {
		history, err := config.Releases.History(r.Name)
		if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
			return err
		}
		for _, each := range history {
			if one, ok := each.(*release.Release); ok {
				if _, err := config.Releases.Delete(one.Name, one.Version); err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
					return err
				}
			}
		}
		return nil
	}
	run := action.NewUninstall(config)
	run.IgnoreNotFound, run.Timeout, run.WaitStrategy, run.DeletionPropagation = true, uninstallLimit, kube.HookOnlyStrategy, "background"
	_, err = run.Run(r.Name)
	if errors.Is(err, driver.ErrReleaseNotFound) {
		return nil
	}
	return err
}
