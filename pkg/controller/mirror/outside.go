// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package mirror

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/queue"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// outside holds what the watches of the core API reported last.
type outside struct {
	namespaces corelisters.NamespaceLister // nil if they are not mirrored
	secrets    corelisters.SecretLister
	factories  []informers.SharedInformerFactory
}

// shutdown waits for the watches to end after their context.
func (o *outside) shutdown() {
	for _, f := range o.factories {
		f.Shutdown()
	}
}

// watchOutside watches the core API until the context ends. It returns when everything has
// been listed.
func watchOutside(ctx context.Context, core kubernetes.Interface, secretsOnly bool, queue *queue.Queue[key]) (*outside, error) {
	all := informers.NewSharedInformerFactoryWithOptions(core, 0, informers.WithTransform(namesAndLabels))
	typed := informers.NewSharedInformerFactoryWithOptions(core, 0, informers.WithTweakListOptions(func(options *metav1.ListOptions) {
		options.FieldSelector = fields.OneTermEqualSelector("type", v1alpha1.SecretTypeBundleValues).String()
	}))
	secrets := typed.Core().V1().Secrets()
	out := &outside{secrets: secrets.Lister(), factories: []informers.SharedInformerFactory{all, typed}}
	watched := map[cache.SharedIndexInformer]func(record.Name) key{
		secrets.Informer(): func(name record.Name) key { return key{record.Secrets, name} },
	}
	if !secretsOnly {
		namespaces := all.Core().V1().Namespaces()
		out.namespaces = namespaces.Lister()
		watched[namespaces.Informer()] = func(name record.Name) key { return key{record.Namespaces, name} }
	}
	for informer, keyOf := range watched {
		add := func(object any) { queue.Add(keyOf(nameOf(object))) }
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: add, UpdateFunc: func(_, object any) { add(object) }, DeleteFunc: add,
		}); err != nil {
			return nil, fmt.Errorf("watch the core API: %w", err)
		}
	}
	all.Start(ctx.Done())
	typed.Start(ctx.Done())
	for informer := range watched {
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			out.shutdown()
			return nil, fmt.Errorf("list Namespaces and Secrets: %w", ctx.Err())
		}
	}
	return out, nil
}

// namesAndLabels drops what a mirror of a Namespace does not need.
func namesAndLabels(object any) (any, error) {
	if ns, ok := object.(*corev1.Namespace); ok {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name, UID: ns.UID, ResourceVersion: ns.ResourceVersion, Labels: ns.Labels}}, nil
	}
	return object, nil
}

func nameOf(object any) record.Name {
	if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = gone.Obj
	}
	meta := object.(metav1.Object)
	return record.Name{Namespace: meta.GetNamespace(), Name: meta.GetName()}
}

// labels returns the labels of a Namespace; nil if it does not exist.
func (o *outside) labels(name string) map[string]string {
	ns, err := o.namespaces.Get(name)
	if err != nil {
		return nil
	}
	out := map[string]string{}
	maps.Copy(out, ns.Labels)
	return out
}

func (o *outside) namespaceNames() []string {
	if o.namespaces == nil {
		return nil
	}
	all, err := o.namespaces.List(labels.Everything())
	if err != nil {
		return nil
	}
	out := make([]string, len(all))
	for i, ns := range all {
		out[i] = ns.Name
	}
	return out
}

func (o *outside) values(bundle record.Name) (map[string][]byte, bool) {
	secret, err := o.secrets.Secrets(bundle.Namespace).Get(bundle.Name)
	if err != nil || string(secret.Type) != v1alpha1.SecretTypeBundleValues {
		return nil, false
	}
	return secret.Data, true
}
