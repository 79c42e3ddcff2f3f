// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"io"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/etcdoptions"
)

// Names that the manifests give.
const (
	// DefaultNamespace is the namespace of the kustomizations. The chart allows any.
	DefaultNamespace = "muster-system"

	service       = "muster-apiserver"
	servingSecret = "muster-apiserver-tls"
	etcdSecret    = "muster-etcd-client"
)

// Keys of both Secrets.
const (
	authorityKey   = "ca.crt"
	certificateKey = "tls.crt"
	privateKey     = "tls.key"
)

// preflight holds what the checks share.
type preflight struct {
	*report

	dynamic   dynamic.Interface
	core      kubernetes.Interface
	namespace string
	now       time.Time
}

// Run reports on out whether Muster can be installed in the cluster of config, and what
// prevents it. It returns an error if a line says "not ok". config belongs to an operator
// with more rights than the server has. Run checks etcd if o names servers, with the client
// certificate that the namespace's Secret holds if o names none.
func Run(ctx context.Context, config *rest.Config, namespace string, o *etcdoptions.Options, out io.Writer) error {
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	p := &preflight{report: &report{out: out}, dynamic: dynamicClient, core: core, namespace: namespace, now: time.Now()}
	if !p.checkVersion() {
		return p.err() // kube-apiserver does not answer: every other check would say so again
	}
	p.checkAggregation(ctx)
	p.checkGroup(ctx)
	p.checkServing(ctx)
	p.checkEtcd(ctx, o)
	return p.err()
}
