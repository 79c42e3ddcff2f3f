// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleets

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/names"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Pair is a BundleDeployment of a fleet of All: the i-th Bundle on the i-th Cluster.
type Pair struct{ Bundle, Cluster int }

// Home returns the namespace of the i-th Cluster's BundleDeployments.
func Home(cluster int) string { return names.ClusterNamespace(Namespace, ClusterName(cluster)) }

// Name returns the name of the BundleDeployment.
func (p Pair) Name() record.Name {
	return record.Name{Namespace: Home(p.Cluster), Name: BundleName(p.Bundle)}
}

// Reporter knows what agents report about a fleet of All.
type Reporter struct {
	// DeploymentID returns what a BundleDeployment has to deploy.
	DeploymentID func(Pair) string
	// ManagedFields are those that an agent's request leaves, the same for all.
	ManagedFields []metav1.ManagedFieldsEntry
}

// Status returns the report of an agent that has deployed three objects, one of which is
// not ready unless all are. Each BundleDeployment was deployed at a different time.
func (r *Reporter) Status(p Pair, ready bool) v1alpha1.BundleDeploymentStatus {
	name := BundleName(p.Bundle)
	const spread = 7919 // seconds, a prime, so that neighbours differ
	at := made.Add(time.Duration((p.Cluster*131+p.Bundle*17)%spread) * time.Second)
	generation := int64(0)
	status := v1alpha1.BundleDeploymentStatus{
		AppliedDeploymentID: r.DeploymentID(p), Release: name + "/" + name + ":1",
		Ready: ready, NonModified: true, SyncGeneration: &generation,
	}
	kinds := []v1alpha1.BundleDeploymentResource{{Kind: "ConfigMap", APIVersion: "v1"}, {Kind: "Deployment", APIVersion: "apps/v1"}, {Kind: "Service", APIVersion: "v1"}}
	for _, resource := range kinds {
		resource.Namespace, resource.Name, resource.CreatedAt = name, name, metav1.NewTime(at)
		status.Resources = append(status.Resources, resource)
	}
	status.ResourceCounts = v1alpha1.ResourceCounts{Ready: len(kinds), DesiredReady: len(kinds)}
	var notReady error
	if !ready {
		notReady = errors.New("not ready")
		status.ResourceCounts.Ready--
		status.ResourceCounts.NotReady++
		status.NonReadyStatus = []v1alpha1.NonReadyStatus{{
			Kind: "Deployment", APIVersion: "apps/v1", Namespace: name, Name: name,
			Summary: v1alpha1.ObjectSummary{State: "in-progress", Transitioning: true, Message: []string{"starting"}},
		}}
	}
	for _, condition := range []string{upstream.Installed, upstream.Deployed, upstream.Monitored} {
		upstream.SetCondition(&status, condition, nil, at)
	}
	upstream.SetCondition(&status, upstream.Ready, notReady, at.Add(time.Minute))
	return status
}

// Put adds the report on a BundleDeployment to a transaction, as the API server stores it.
func (r *Reporter) Put(txn *etcd.Txn, p Pair, ready bool) error {
	report := &record.Report{
		Status:        &v1alpha1.BundleDeployment{Status: r.Status(p, ready)},
		ManagedFields: r.ManagedFields,
		UID:           derive.IdentityUID(uid("Bundle", BundleName(p.Bundle)), uid("Cluster", ClusterName(p.Cluster))),
	}
	value, err := report.Encode()
	if err != nil {
		return err
	}
	txn.Put[record.ReportKey(record.BundleDeployments, p.Name())] = value
	return nil
}

// StoreAll writes the reports on all BundleDeployments of bundles on clusters into a log.
// Each transaction holds a thousand, because etcd syncs to disk for each. It returns the
// number of bytes of their values.
func (r *Reporter) StoreAll(ctx context.Context, log *etcd.Log, bundles, clusters int) (bytes int64, err error) {
	const batch, writers = 1000, 4
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	all := bundles * clusters
	var sum atomic.Int64
	for first := 0; first < all && ctx.Err() == nil; first += batch {
		group.Go(func() error {
			txn := etcd.Txn{Put: map[record.Key][]byte{}}
			for i := first; i < min(first+batch, all); i++ {
				if err := r.Put(&txn, Pair{Bundle: i % bundles, Cluster: i / bundles}, true); err != nil {
					return err
				}
			}
			for _, value := range txn.Put {
				sum.Add(int64(len(value)))
			}
			_, _, err := log.Commit(ctx, txn)
			return err
		})
	}
	err = group.Wait()
	return sum.Load(), err
}
