// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package placement

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// rights allows to create BundleDeployments in one namespace.
type rights string

func (r rights) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetVerb() == "create" && a.GetResource() == "bundledeployments" && a.GetAPIGroup() == "fleet.cattle.io" && a.GetNamespace() == string(r) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func TestPlacingAClusterNeedsARightInThatNamespace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from, to string
		allowed        bool
	}{
		{"into a namespace with the right", "old", "mine", true},
		{"into a namespace without", "old", "other", false},
		{"for the first time, without the right", "", "other", false},
		{"for the first time, with it", "", "mine", true},
		{"where it is already", "old", "old", true},
		{"away, to the namespace that follows from its name", "old", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			object := func(namespace string) *v1alpha1.Cluster {
				var o v1alpha1.Cluster
				o.Status.Namespace = namespace
				return &o
			}
			p := &plugin{Handler: admission.NewHandler(admission.Update)}
			p.SetUnconditionalAuthorizer(rights("mine"))
			require.NoError(t, p.ValidateInitialization())
			a := admission.NewAttributesRecord(object(c.to), object(c.from), v1alpha1.SchemeGroupVersion.WithKind("Cluster"), "w", "c",
				v1alpha1.SchemeGroupVersion.WithResource("clusters"), "status", admission.Update, nil, false, &user.DefaultInfo{Name: "agent"})
			err := p.Validate(t.Context(), a, nil)
			if c.allowed {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, `agent may not create bundledeployments in namespace "other"`)
			}
		})
	}
}
