// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// serverName is the name that kube-apiserver asks for when it connects to the Service.
func (p *preflight) serverName() string { return service + "." + p.namespace + ".svc" }

// checkServing checks the serving certificate, and that kube-apiserver will accept it.
func (p *preflight) checkServing(ctx context.Context) {
	s := secretCheck{
		name: servingSecret, holds: "the serving certificate", section: "Serving certificate",
		absent: "with cert-manager it appears after the first step of the installation; without it, ",
	}
	data := p.read(ctx, s)
	if data == nil {
		return
	}
	c, good := p.checkSecret(s, data, x509.ExtKeyUsageServerAuth, "serverAuth")
	if c == nil {
		return
	}
	if err := c.leaf.VerifyHostname(p.serverName()); err != nil {
		good = false
		p.fault("the serving certificate in Secret %s/%s is not for %s: %v; make it for that name, as docs/install.md, %q, says", p.namespace, s.name, p.serverName(), err, s.section)
	}
	if err := c.checkSigner(data[authorityKey], p.now); err != nil {
		good = false
		p.fault("%s of Secret %s/%s does not verify its %s: %v; store the authority that signed the certificate, as docs/install.md, %q, says", authorityKey, p.namespace, s.name, certificateKey, err, s.section)
	}
	if p.checkBundle(ctx, c) && good {
		p.ok("the serving certificate in Secret %s/%s is for %s until %s UTC", p.namespace, s.name, p.serverName(), c.leaf.NotAfter.UTC().Format(time.DateTime))
	}
}

// checkBundle checks that the CA bundle of an APIService that exists verifies the serving
// certificate. Another server's APIService is reported elsewhere.
func (p *preflight) checkBundle(ctx context.Context, c *certificate) (good bool) {
	found, err := p.apiService(ctx)
	if err != nil || found == nil {
		return err == nil
	}
	name, _, _ := unstructured.NestedString(found.Object, "spec", "service", "name")
	namespace, _, _ := unstructured.NestedString(found.Object, "spec", "service", "namespace")
	if name != service || namespace != p.namespace {
		return true
	}
	const again = "apply the APIService again with the right ca.crt, as docs/install.md says"
	if unchecked, _, _ := unstructured.NestedBool(found.Object, "spec", "insecureSkipTLSVerify"); unchecked {
		p.fault("the APIService %s does not check the serving certificate (insecureSkipTLSVerify): every program at its address could answer for Muster; %s", apiServiceName, again)
		return false
	}
	encoded, _, _ := unstructured.NestedString(found.Object, "spec", "caBundle")
	bundle, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		p.fault("the CA bundle of the APIService %s: %v; %s", apiServiceName, err, again)
	case len(bundle) == 0:
		p.fault("the APIService %s has no CA bundle; with cert-manager, check that its CA injector runs; without it, %s", apiServiceName, again)
	default:
		if err := c.checkSigner(bundle, p.now); err != nil {
			p.fault("the CA bundle of the APIService %s does not verify the serving certificate: %v; %s", apiServiceName, err, again)
			return false
		}
		return true
	}
	return false
}
