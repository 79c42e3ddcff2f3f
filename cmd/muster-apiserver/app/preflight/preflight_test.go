// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
)

const day = 24 * time.Hour

// trial returns a preflight in a cluster with these objects, and what it has said so far.
func trial(t *testing.T, objects ...runtime.Object) (*preflight, *strings.Builder) {
	t.Helper()
	var said strings.Builder
	var core, others []runtime.Object
	for _, object := range objects {
		if _, other := object.(*unstructured.Unstructured); other {
			others = append(others, object)
		} else {
			core = append(core, object)
		}
	}
	t.Cleanup(func() { requireLines(t, said.String()) })
	return &preflight{
		report: &report{out: &said},
		core:   fake.NewClientset(core...),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), map[schema.GroupVersionResource]string{
			definitions: "CustomResourceDefinitionList",
			{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: "bundles"}: "BundleList",
		}, others...),
		namespace: DefaultNamespace,
		now:       time.Now(),
	}, &said
}

// finding is the form of a line: the last two kinds end with what to do, after a semicolon
// or a stop.
var finding = regexp.MustCompile(`^(ok: .+|(warning|not ok): .+[;.:] .+)$`)

func requireLines(t *testing.T, said string) {
	t.Helper()
	for line := range strings.Lines(said) {
		assert.Regexp(t, finding, strings.TrimSuffix(line, "\n"))
	}
}

// authority signs certificates for tests.
type authority struct {
	pem         []byte
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// pair is a PEM-encoded certificate with its key.
type pair struct{ certificate, key []byte }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func sign(t *testing.T, template, parent *x509.Certificate, public *ecdsa.PublicKey, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return parsed
}

func encoded(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// newAuthority returns an authority that is valid for a time.
func newAuthority(t *testing.T, name string, ends time.Duration) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-400 * day), NotAfter: time.Now().Add(ends),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	c := sign(t, template, template, &key.PublicKey, key)
	return &authority{pem: encoded(c), certificate: c, key: key}
}

// issue returns a certificate for 127.0.0.1 and the name, after a change of its template.
func (a *authority) issue(t *testing.T, name string, change func(*x509.Certificate)) pair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-200 * day), NotAfter: time.Now().Add(200 * day),
		DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if change != nil {
		change(template)
	}
	key := newKey(t)
	c := sign(t, template, a.certificate, &key.PublicKey, a.key)
	der, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	return pair{encoded(c), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})}
}

func secretOf(name string, authorities []byte, p pair) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: DefaultNamespace, Name: name},
		Data:       map[string][]byte{authorityKey: authorities, certificateKey: p.certificate, privateKey: p.key},
	}
}
