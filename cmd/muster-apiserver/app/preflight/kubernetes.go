// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/frontproxy"
)

// oldestKubernetes is the version that docs/install.md asks for.
var oldestKubernetes = version.MajorMinor(1, 36)

// checkVersion reports whether kube-apiserver answers.
func (p *preflight) checkVersion() (answers bool) {
	info, err := p.core.Discovery().ServerVersion()
	if err != nil {
		p.fault("kube-apiserver does not answer: %v; check --kubeconfig", err)
		return false
	}
	found, err := version.ParseGeneric(info.GitVersion)
	switch {
	case err != nil:
		p.warn("kube-apiserver has the version %q, which is not a version of Kubernetes; Muster needs %s or later", info.GitVersion, oldestKubernetes)
	case found.LessThan(oldestKubernetes):
		p.fault("kube-apiserver has the version %s; upgrade it to %s or later", info.GitVersion, oldestKubernetes)
	default:
		p.ok("kube-apiserver has the version %s", info.GitVersion)
	}
	return true
}

// checkAggregation checks that kube-apiserver can send clients to Muster, and that Muster
// can trust the names of the clients.
func (p *preflight) checkAggregation(ctx context.Context) {
	if _, err := p.core.Discovery().ServerResourcesForGroupVersion(apiServices.GroupVersion().String()); apierrors.IsNotFound(err) {
		p.fault("kube-apiserver has no aggregation layer: it does not know APIServices; use a kube-apiserver that does")
		return
	}
	open, err := frontproxy.CheckConfigMap(ctx, p.core)
	switch {
	case apierrors.IsForbidden(err):
		p.warn("the aggregation layer was not checked: %v; run this command with the rights of an administrator", err)
	case err != nil:
		p.fault("the aggregation layer: %v; docs/security.md says how to set up the front proxy", err)
	case open:
		p.warn("every certificate of the front proxy's authority may name users, because kube-apiserver runs without --requestheader-allowed-names; give it that flag, as docs/security.md says")
	default:
		p.ok("the aggregation layer is enabled, and the front proxy has a name")
	}
}
