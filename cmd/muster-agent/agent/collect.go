// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
)

// agentBundle is the prefix of the Bundles that deploy an agent. The agent does not remove
// itself (S 9.7).
const agentBundle = "fleet-agent"

// remove uninstalls the releases of a deleted BundleDeployment.
func (a *Agent) remove(ctx context.Context, name string) error {
	releases, err := a.deployer.Releases(ctx)
	if err != nil {
		return err
	}
	for _, r := range releases {
		if r.Bundle == name {
			if err := a.uninstall(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect uninstalls releases whose BundleDeployment no longer exists or now has another
// release. It also finds those that became unused while the agent did not run.
func (a *Agent) collect(ctx context.Context) error {
	releases, err := a.deployer.Releases(ctx)
	if err != nil {
		return err
	}
	for _, r := range releases {
		bd := a.watch.Get(types.NamespacedName{Namespace: a.options.Namespace, Name: r.Bundle})
		if bd != nil {
			if namespace, name := helm.Key(bd.Name, &bd.Spec.Options); namespace == r.Namespace && name == r.Name {
				continue
			}
		}
		if strings.HasPrefix(r.Bundle, agentBundle) {
			continue
		}
		if err := a.uninstall(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) uninstall(ctx context.Context, r *helm.Release) error {
	if err := a.deployer.Uninstall(ctx, r); err != nil {
		return fmt.Errorf("uninstalling %s: %w", r, err)
	}
	a.options.Log.Info("uninstalled", "bundledeployment", r.Bundle, "release", r.String(), "kept", r.Keep)
	return nil
}
