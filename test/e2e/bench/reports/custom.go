// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package reports

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/bench/custom"
	"github.com/musterfleet/muster/test/e2e/bench/fleets"
	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// custom measures custom resources of Fleet's group, which Muster no longer serves then.
func (b *bench) custom(t cluster.T) (*result, error) {
	if err := custom.Define(t, b.control, site.Deployments); err != nil {
		return nil, err
	}
	c, err := versioned.NewForConfig(cluster.Unshared(b.control.Config))
	if err != nil {
		return nil, err
	}
	if err := b.place(t.Context(), c); err != nil {
		return nil, err
	}
	etcd := b.control.Etcd
	return b.stored(t, etcd.Client(t), "/registry/"+v1alpha1.GroupName+"/bundledeployments/", func() (*result, error) {
		return b.measure(t, b.control.Config, []*cluster.Process{b.control.APIServer, etcd.Member(0)}, false)
	})
}

// place creates the namespaces of all Clusters, and in each a custom resource for every
// BundleDeployment that Muster showed in the first.
func (b *bench) place(ctx context.Context, c versioned.Interface) error {
	core := b.control.Client.CoreV1()
	err := site.Each(ctx, b.Agents, func(ctx context.Context, i int) error {
		_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fleets.Home(i)}}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	// Controllers put an account and a ConfigMap into each new namespace. They must have
	// finished before reports are measured.
	err = poll.Until(ctx, 10*time.Minute, func(ctx context.Context) error {
		accounts, err := core.ServiceAccounts("").List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=default"})
		if err != nil {
			return err
		}
		roots, err := core.ConfigMaps("").List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=kube-root-ca.crt"})
		if err == nil && min(len(accounts.Items), len(roots.Items)) < b.Agents {
			err = fmt.Errorf("the controllers have filled %d namespaces of %d", min(len(accounts.Items), len(roots.Items)), b.Agents)
		}
		return err
	})
	if err != nil {
		return err
	}
	return site.Each(ctx, b.Agents*len(b.shown), func(ctx context.Context, i int) error {
		from := &b.shown[i%len(b.shown)]
		bd := &v1alpha1.BundleDeployment{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: fleets.Home(i / len(b.shown)), Name: from.Name,
				Labels: from.Labels, Annotations: from.Annotations, Finalizers: from.Finalizers,
			},
			Spec: *from.Spec.DeepCopy(),
		}
		// The client has no Create: Muster's BundleDeployments cannot be created.
		return c.FleetV1alpha1().RESTClient().Post().Namespace(bd.Namespace).Resource("bundledeployments").Body(bd).Do(ctx).Error()
	})
}
