// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utiluuid "k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/controller/controllertest"
	"github.com/musterfleet/muster/pkg/controller/ownership"
	fleetfake "github.com/musterfleet/muster/pkg/generated/clientset/versioned/fake"
	"github.com/musterfleet/muster/pkg/registry/etcd"
	"github.com/musterfleet/muster/pkg/registry/etcd/etcdtest"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// world holds an engine and clients. Their requests are counted and can be made to fail. The
// fleet's API is a fake over the real log, as far as a registration needs it; the core API is
// client-go's fake.
type world struct {
	*controllertest.Engine

	core     *fake.Clientset
	metadata *metadatafake.FakeMetadataClient
	fleet    *fleetfake.Clientset
	mu       struct {
		sync.Mutex
		left int // number of writes until the process dies
		died chan struct{}
		made map[string]int // number of objects of each resource that were created
	}
}

func newWorld(t *testing.T) *world { return worldOn(t, etcd.New(etcdtest.Start(t).Client, "/muster")) }

func worldOn(t *testing.T, log *etcd.Log) *world {
	w := &world{Engine: controllertest.Start(t, log), core: fake.NewClientset(), metadata: controllertest.Metadata(t), fleet: fleetfake.NewClientset()}
	w.mu.made = map[string]int{}
	w.live()
	w.core.PrependReactor("*", "*", w.onCore)
	w.metadata.PrependReactor("delete", "*", w.onMetadata)
	w.fleet.PrependReactor("*", "*", w.onFleet)
	for _, of := range []*clienttesting.Fake{&w.core.Fake, &w.metadata.Fake, &w.fleet.Fake} {
		of.PrependReactor("*", "*", w.dies)
	}
	return w
}

// live lets all requests through.
func (w *world) live() { w.dieAfter(1 << 30) }

// dieAfter makes all requests fail after some writes. The channel is closed when the first one
// fails.
func (w *world) dieAfter(writes int) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.left, w.mu.died = writes, make(chan struct{})
	return w.mu.died
}

func (w *world) dies(action clienttesting.Action) (bool, runtime.Object, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	writes := false
	switch action.GetVerb() {
	case "create", "update", "patch", "delete":
		writes = true
	}
	switch {
	case w.mu.left > 0 && writes:
		w.mu.left--
		if action.GetVerb() == "create" {
			w.mu.made[action.GetResource().Resource]++
		}
	case w.mu.left < 0, w.mu.left == 0 && writes:
		if w.mu.left == 0 {
			close(w.mu.died)
		}
		w.mu.left = -1
		return true, nil, errors.New("the process has died")
	}
	return false, nil, nil
}

// onCore does the work of kube-apiserver and its controllers: it sets UIDs, makes tokens of
// accounts, and shows objects to the metadata client.
func (w *world) onCore(action clienttesting.Action) (bool, runtime.Object, error) {
	create, ok := action.(clienttesting.CreateActionImpl)
	if !ok {
		return false, nil, nil
	}
	m := create.GetObject().(metav1.Object)
	m.SetUID(utiluuid.NewUUID())
	m.SetCreationTimestamp(metav1.Now())
	if s, ok := m.(*corev1.Secret); ok && s.Type == corev1.SecretTypeServiceAccountToken {
		s.Data = map[string][]byte{corev1.ServiceAccountTokenKey: []byte("bearer of " + s.Name)}
	}
	_ = w.metadata.Tracker().Create(action.GetResource(), controllertest.Partial(m), m.GetNamespace()) // if it exists, so does the object
	return false, nil, nil
}

func (w *world) onMetadata(action clienttesting.Action) (bool, runtime.Object, error) {
	d := action.(clienttesting.DeleteActionImpl)
	_ = w.core.Tracker().Delete(d.GetResource(), d.GetNamespace(), d.GetName())
	return false, nil, nil
}

// onFleet is a fake of the fleet's API.
func (w *world) onFleet(action clienttesting.Action) (bool, runtime.Object, error) {
	resource := action.GetResource().Resource
	switch action := action.(type) {
	case clienttesting.CreateActionImpl:
		object := action.GetObject().(record.APIObject)
		object.SetUID(utiluuid.NewUUID())
		object.SetCreationTimestamp(metav1.Now())
		return w.answer(resource, nameOf(object), w.commit(saving(resource, object)))
	case clienttesting.UpdateActionImpl:
		object := action.GetObject().(record.APIObject)
		if have := w.stored(resource, nameOf(object)); have == nil || have.GetResourceVersion() != object.GetResourceVersion() {
			return true, nil, apierrors.NewConflict(action.GetResource().GroupResource(), object.GetName(), errors.New("it was overtaken"))
		}
		if action.GetSubresource() != "status" {
			return w.answer(resource, nameOf(object), w.commit(saving(resource, object)))
		}
		data, err := (&record.Report{Status: object, UID: object.GetUID()}).Encode()
		require.NoError(w.T, err)
		return w.answer(resource, nameOf(object), w.commit(etcd.Txn{Put: map[record.Key][]byte{record.ReportKey(resource, nameOf(object)): data}}))
	case clienttesting.DeleteActionImpl:
		return true, nil, w.commit(deletion(resource, record.Name{Namespace: action.GetNamespace(), Name: action.GetName()}))
	}
	return false, nil, nil
}

// answer returns the answer to a write.
func (w *world) answer(resource string, name record.Name, err error) (bool, runtime.Object, error) {
	if err != nil {
		return true, nil, err
	}
	return true, w.stored(resource, name), nil
}

func nameOf(object metav1.Object) record.Name {
	return record.Name{Namespace: object.GetNamespace(), Name: object.GetName()}
}

func saving(resource string, object record.APIObject) etcd.Txn {
	kept := object.DeepCopyObject().(record.APIObject)
	if r, ok := kept.(*v1alpha1.ClusterRegistration); ok {
		r.Status = v1alpha1.ClusterRegistrationStatus{}
	}
	kept.SetResourceVersion("")
	data, err := (&record.Object{Object: kept}).Encode()
	if err != nil {
		panic(err)
	}
	return etcd.Txn{Put: map[record.Key][]byte{record.ObjectKey(resource, nameOf(object)): data}}
}

func deletion(resource string, name record.Name) etcd.Txn {
	return etcd.Txn{Delete: []record.Key{record.ObjectKey(resource, name), record.ReportKey(resource, name)}}
}

func (w *world) commit(txn etcd.Txn) error {
	_, ok, err := w.Log.Commit(w.Ctx, txn)
	if err == nil && !ok {
		err = errors.New("a transaction without a guard is refused")
	}
	return err
}

// stored returns an object as the API shows it; nil if it does not exist.
func (w *world) stored(resource string, name record.Name) record.APIObject {
	v, err := w.Barrier(w.Ctx)
	if err != nil {
		return nil // the test has ended
	}
	if item := v.Get(resource, name); item != nil {
		return item.Render()
	}
	return nil
}

// run runs a controller until the function that it returns is called.
func (w *world) run() (stop func()) {
	return w.Background(New(Options{Settings: DefaultSettings(), Fleet: w.Engine, Core: w.core, Metadata: w.metadata, Client: w.fleet, Workers: 2}).Run)
}

// register makes a registration of a client that was created at a second.
func (w *world) register(namespace, name, client string, second int64) *v1alpha1.ClusterRegistration {
	r := &v1alpha1.ClusterRegistration{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: utiluuid.NewUUID(), CreationTimestamp: metav1.Unix(second, 0)},
		Spec:       v1alpha1.ClusterRegistrationSpec{ClientID: client, ClientRandom: "random of " + name},
	}
	w.Commit(saving(registrations, r))
	return r
}

// lacks names something that the agent of a registration needs and that does not exist; ""
// if all exists.
func (w *world) lacks(r *v1alpha1.ClusterRegistration) string {
	stored, _ := w.stored(registrations, nameOf(r)).(*v1alpha1.ClusterRegistration)
	if stored == nil {
		return "the registration"
	}
	if !stored.Status.Granted {
		return "the grant"
	}
	cluster, _ := w.stored(record.Clusters, record.Name{Namespace: r.Namespace, Name: stored.Status.ClusterName}).(*v1alpha1.Cluster)
	if cluster == nil {
		return "the Cluster"
	}
	g := grant{stored, cluster}
	role, binding := g.heartbeat()
	for resource, objects := range map[string][]metav1.Object{
		"serviceaccounts":     {g.account()},
		"secrets":             {g.accountToken()},
		"roles":               {role},
		"rolebindings":        {binding, g.bundleDeployments()},
		"clusterrolebindings": {g.contents()},
	} {
		for _, object := range objects {
			gvr := ownership.ServiceAccounts.GroupVersion().WithResource(resource)
			if resource != "serviceaccounts" && resource != "secrets" {
				gvr = ownership.Roles.GroupVersion().WithResource(resource)
			}
			if _, err := w.core.Tracker().Get(gvr, object.GetNamespace(), object.GetName()); err != nil {
				return fmt.Sprintf("%s %s/%s", resource, object.GetNamespace(), object.GetName())
			}
		}
	}
	return ""
}
