// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// page is the page that the operator follows.
const page = "backup.md"

const (
	// within bounds every wait for something that must happen soon.
	within = time.Minute
	every  = 50 * time.Millisecond
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // client-go logs each watch that ends
	cluster.Main(m, func(t cluster.T) { control = cluster.Start(t) })
}

func resource(plural string) schema.GroupVersionResource {
	return v1alpha1.SchemeGroupVersion.WithResource(plural)
}

func dynamicClient(t *testing.T, config *rest.Config) dynamic.Interface {
	t.Helper()
	c, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return c
}

// state holds all objects of all kinds, by kind and name, without their resourceVersions,
// which a restore changes.
type state map[string]map[string]any

// stateAt lists everything at exactly a revision, or now if it is "".
func stateAt(t *testing.T, config *rest.Config, revision string) state {
	t.Helper()
	out, err := tryState(t, config, revision)
	require.NoError(t, err)
	return out
}

func tryState(t *testing.T, config *rest.Config, revision string) (state, error) {
	options := metav1.ListOptions{}
	if revision != "" {
		options.ResourceVersion, options.ResourceVersionMatch = revision, metav1.ResourceVersionMatchExact
	}
	lists, err := listable(config)
	if err != nil {
		return nil, err
	}
	client, out := dynamicClient(t, config), state{}
	for _, plural := range lists {
		list, err := client.Resource(resource(plural)).List(t.Context(), options)
		if err != nil {
			return nil, err
		}
		for i := range list.Items {
			item := &list.Items[i]
			item.SetResourceVersion("")
			out[plural+" "+item.GetNamespace()+"/"+item.GetName()] = item.Object
		}
	}
	return out, nil
}

func listable(config *rest.Config) ([]string, error) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	all, err := client.ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		return nil, err
	}
	var out []string
	for _, each := range all.APIResources {
		if slices.Contains(each.Verbs, "list") {
			out = append(out, each.Name)
		}
	}
	return out, nil
}

// watchFrom returns the error that a watch from a revision gets first.
func watchFrom(t *testing.T, config *rest.Config, revision string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w, err := dynamicClient(t, config).Resource(resource("bundledeployments")).Watch(ctx, metav1.ListOptions{ResourceVersion: revision})
	if err != nil {
		return err
	}
	defer w.Stop()
	select {
	case event, open := <-w.ResultChan():
		if !open {
			return context.Canceled
		}
		if status, ok := event.Object.(*metav1.Status); ok {
			return &apierrors.StatusError{ErrStatus: *status}
		}
		return apierrors.FromObject(event.Object)
	case <-ctx.Done():
		return nil // no event means no error
	}
}
