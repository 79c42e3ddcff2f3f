// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package placement

import (
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Plugin is the name of the admission plugin in flags.
const Plugin = "ClusterPlacement"

var (
	_ admission.ValidationInterface            = (*plugin)(nil)
	_ admission.InitializationValidator        = (*plugin)(nil)
	_ initializer.WantsUnconditionalAuthorizer = (*plugin)(nil)
)

// plugin guards the namespace of a Cluster's BundleDeployments.
//
// An agent may write its Cluster's status, which holds that namespace. With this right
// alone it could send its BundleDeployments into the namespace of another Cluster, and
// the agent there would deploy them. So a client that sets the namespace needs the right
// to create BundleDeployments in it, a verb that has no other use. Removing the namespace
// needs no right: the Cluster then gets the one that follows from its name, which no
// other Cluster has.
type plugin struct {
	*admission.Handler
	authorizer authorizer.UnconditionalAuthorizer
}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(Plugin, func(io.Reader) (admission.Interface, error) {
		return &plugin{Handler: admission.NewHandler(admission.Create, admission.Update)}, nil
	})
}

// SetUnconditionalAuthorizer implements initializer.WantsUnconditionalAuthorizer.
func (p *plugin) SetUnconditionalAuthorizer(a authorizer.UnconditionalAuthorizer) { p.authorizer = a }

// ValidateInitialization implements admission.InitializationValidator.
func (p *plugin) ValidateInitialization() error {
	if p.authorizer == nil {
		return errors.New(Plugin + " has no authorizer")
	}
	return nil
}

// Validate implements admission.ValidationInterface.
func (p *plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() != v1alpha1.SchemeGroupVersion.WithResource("clusters").GroupResource() {
		return nil
	}
	written, ok := a.GetObject().(*v1alpha1.Cluster)
	if !ok || written.Status.Namespace == "" {
		return nil
	}
	if old, ok := a.GetOldObject().(*v1alpha1.Cluster); ok && old.Status.Namespace == written.Status.Namespace {
		return nil
	}
	to := written.Status.Namespace
	decision, reason, err := p.authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: a.GetUserInfo(), Verb: "create", Namespace: to,
		APIGroup: v1alpha1.SchemeGroupVersion.Group, APIVersion: v1alpha1.SchemeGroupVersion.Version, Resource: "bundledeployments",
		ResourceRequest: true,
	})
	if err == nil && decision == authorizer.DecisionAllow {
		return nil
	}
	if err == nil && reason != "" {
		err = errors.New(reason)
	}
	needs := fmt.Errorf("status.namespace: %s may not create bundledeployments in namespace %q, which is required to put a Cluster's BundleDeployments there", a.GetUserInfo().GetName(), to)
	if err != nil {
		needs = fmt.Errorf("%w: %w", needs, err)
	}
	return admission.NewForbidden(a, needs)
}
