// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry/engine"
)

// The annotations of the Lease. The cluster is in hexadecimal digits, as etcdctl prints it
// with --hex.
const (
	ClusterAnnotation  = "muster.fleet.cattle.io/etcd-cluster"
	RevisionAnnotation = "muster.fleet.cattle.io/etcd-revision"
)

const (
	// lookEvery is the time between two looks at the Lease.
	lookEvery = 5 * time.Second
	// askWithin bounds one request.
	askWithin = 5 * time.Second
	// askAgain is the wait after a request that failed at a start, and startWithin bounds all
	// of them.
	askAgain    = time.Second
	startWithin = 30 * time.Second
	// sayAgain is the time after which the log repeats a failure that lasts.
	sayAgain = time.Hour
)

// Lease is the place of the mark in kube-apiserver.
type Lease struct {
	client          coordinationclient.LeaseInterface
	namespace, name string
}

// New returns the Lease that the options name, nil if they name none. A nil Lease remembers
// nothing.
func New(o Options, kube *rest.Config) (*Lease, error) {
	if o.Name == "" {
		return nil, nil
	}
	config := rest.CopyConfig(kube)
	config.Timeout = askWithin
	client, err := coordinationclient.NewForConfig(rest.AddUserAgent(config, "restore"))
	if err != nil {
		return nil, fmt.Errorf("client for the Lease %s/%s: %w", o.Namespace, o.Name, err)
	}
	return &Lease{client: client.Leases(o.Namespace), namespace: o.Namespace, name: o.Name}, nil
}

// Apply reads the mark and lets an engine begin with it. It retries for half a minute, unless
// the answer would remain the same.
func (l *Lease) Apply(ctx context.Context, to *engine.Options) error {
	if l == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var mark engine.Mark
	var last error
	err := wait.PollUntilContextCancel(ctx, askAgain, true, func(ctx context.Context) (bool, error) {
		lease, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil // the first start
		}
		if err == nil {
			mark, err = read(lease)
			return true, err
		}
		last = err
		if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
			return false, fmt.Errorf("%w: Muster's manifests give this right by a Role", err)
		}
		return false, nil
	})
	if wait.Interrupted(err) {
		err = errors.Join(err, last)
	}
	if err != nil {
		return fmt.Errorf("read which etcd clients know, in the Lease %s/%s: %w", l.namespace, l.name, err)
	}
	to.Known, to.HowToOpen = &mark, l.howToOpen
	return nil
}

// howToOpen returns the command with which an operator lets clients see a cluster.
func (l *Lease) howToOpen(cluster uint64) string {
	return fmt.Sprintf("kubectl -n %s annotate --overwrite lease %s %s=%x", l.namespace, l.name, ClusterAnnotation, cluster)
}

// Keep records the engine's mark, and opens the engine when an operator says so, until the
// context ends.
func (l *Lease) Keep(ctx context.Context, e *engine.Engine) { l.each(ctx, e, true) }

// Follow is Keep for a program that shows nothing to clients: it records nothing.
func (l *Lease) Follow(ctx context.Context, e *engine.Engine) { l.each(ctx, e, false) }

func (l *Lease) each(ctx context.Context, e *engine.Engine, records bool) {
	if l == nil {
		return
	}
	var failing string
	var said time.Time
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		err := l.look(ctx, e, records)
		if ctx.Err() != nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			return // another replica was first
		}
		if err != nil && (err.Error() != failing || time.Since(said) > sayAgain) {
			failing, said = err.Error(), time.Now()
			klog.ErrorS(err, "Cannot keep the Lease that protects from a restore of etcd that goes unnoticed", "namespace", l.namespace, "lease", l.name)
		} else if err == nil {
			failing = ""
		}
	}, lookEvery, 0.2, true)
}

// look does what is to be done once.
func (l *Lease) look(ctx context.Context, e *engine.Engine, records bool) error {
	lease, err := l.client.Get(ctx, l.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease, err = nil, nil
	}
	if err != nil {
		return err
	}
	known, err := read(lease)
	if err != nil {
		return err
	}
	e.Open(known.Cluster)
	mark, open := e.Mark()
	switch {
	case !open:
		return nil
	case known.Cluster != 0 && known.Cluster != mark.Cluster:
		return fmt.Errorf("the annotation %s is %x, and clients are shown the objects of cluster %x: a replica that starts now stays closed. Correct it: %s",
			ClusterAnnotation, known.Cluster, mark.Cluster, l.howToOpen(mark.Cluster))
	case mark.Revision <= known.Revision, !records:
		return nil
	}
	return l.record(ctx, lease, mark)
}

// record writes a mark.
func (l *Lease) record(ctx context.Context, lease *coordinationv1.Lease, mark engine.Mark) error {
	now := metav1.NowMicro()
	if lease == nil {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: l.namespace, Name: l.name}}
		write(lease, mark, &now)
		_, err := l.client.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	write(lease, mark, &now)
	_, err := l.client.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

func write(lease *coordinationv1.Lease, mark engine.Mark, now *metav1.MicroTime) {
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, ClusterAnnotation, strconv.FormatUint(mark.Cluster, 16))
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, RevisionAnnotation, strconv.FormatInt(mark.Revision, 10))
	lease.Spec.RenewTime = now
}

// read returns the mark in a Lease, which may be nil.
func read(lease *coordinationv1.Lease) (mark engine.Mark, err error) {
	if lease == nil {
		return mark, nil
	}
	if text := lease.Annotations[ClusterAnnotation]; text != "" {
		if mark.Cluster, err = strconv.ParseUint(text, 16, 64); err != nil {
			return mark, fmt.Errorf("annotation %s: %q must be the ID of an etcd cluster in hexadecimal digits", ClusterAnnotation, text)
		}
	}
	if text := lease.Annotations[RevisionAnnotation]; text != "" {
		if mark.Revision, err = strconv.ParseInt(text, 10, 64); err != nil {
			return mark, fmt.Errorf("annotation %s: %q must be a revision of etcd, a decimal number", RevisionAnnotation, text)
		}
	}
	return mark, nil
}
