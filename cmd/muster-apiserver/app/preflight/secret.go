// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
)

// secretCheck says what a Secret of the manifests is for, and where docs/install.md says
// how to make it.
type secretCheck struct {
	name    string // of the Secret
	holds   string // the certificate in it
	section string // of docs/install.md
	absent  string // what to know if the Secret is missing
}

// read returns the Secret's data, nil if it is missing or unreadable, which read has
// reported.
func (p *preflight) read(ctx context.Context, s secretCheck) map[string][]byte {
	found, err := p.core.CoreV1().Secrets(p.namespace).Get(ctx, s.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		p.warn("missing: Secret %s/%s with %s; %sdocs/install.md, %q, says how to make it", p.namespace, s.name, s.holds, s.absent, s.section)
		return nil
	case err != nil:
		p.warn("Secret %s/%s was not checked: %v; run this command with the rights of an administrator", p.namespace, s.name, err)
		return nil
	}
	if found.Data == nil {
		return map[string][]byte{}
	}
	return found.Data
}

// checkSecret reports what is wrong with the certificate in a Secret's data. It returns nil
// if there is no certificate to check further.
func (p *preflight) checkSecret(s secretCheck, data map[string][]byte, usage x509.ExtKeyUsage, usageName string) (c *certificate, good bool) {
	var missing []string
	for _, key := range []string{authorityKey, certificateKey, privateKey} {
		if len(data[key]) == 0 {
			missing = append(missing, key)
		}
	}
	fault := func(format string, args ...any) {
		good = false
		p.fault("Secret %s/%s, %s: %s; make it again as docs/install.md, %q, says", p.namespace, s.name, s.holds, fmt.Sprintf(format, args...), s.section)
	}
	if missing != nil {
		fault("it has no %s", strings.Join(missing, " and no "))
		return nil, false
	}
	c, err := parsePair(data[certificateKey], data[privateKey])
	if err != nil {
		fault("%v", err)
		return nil, false
	}
	good = true
	warning, err := checkTime(c.leaf, p.now)
	if err != nil {
		fault("%v", err)
	} else if warning != "" {
		p.warn("Secret %s/%s, %s: %s; renew it, as docs/operations.md says", p.namespace, s.name, s.holds, warning)
	}
	if err := c.checkUsage(usage, usageName); err != nil {
		fault("%v", err)
	}
	return c, p.checkAuthorities(s, data[authorityKey]) && good
}

// checkAuthorities reports which certificates of ca.crt are not valid.
func (p *preflight) checkAuthorities(s secretCheck, authorities []byte) (good bool) {
	all, err := cert.ParseCertsPEM(authorities)
	if err != nil {
		p.fault("Secret %s/%s: %s: %v; make it again as docs/install.md, %q, says", p.namespace, s.name, authorityKey, err, s.section)
		return false
	}
	valid := 0
	for _, each := range all {
		warning, err := checkTime(each, p.now)
		switch {
		case err != nil:
			p.warn("Secret %s/%s: the authority %q in %s: %v; remove or renew it, as docs/operations.md says", p.namespace, s.name, each.Subject, authorityKey, err)
			continue
		case warning != "":
			p.warn("Secret %s/%s: the authority %q in %s: %s; renew it, as docs/operations.md says", p.namespace, s.name, each.Subject, authorityKey, warning)
		}
		valid++
	}
	if valid == 0 {
		p.fault("Secret %s/%s: no authority in %s is valid now; make the Secret again as docs/install.md, %q, says", p.namespace, s.name, authorityKey, s.section)
	}
	return valid > 0
}
