// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespace   = "fleet-default"
	waitingName = "waits-for-foo" // the Bundle that selects foo=bar
	labelKey    = "foo"
	labelValue  = "bar"

	// writers is how many requests load the fleet at once: few enough that the
	// server's limits on requests in flight are not what is measured.
	writers = 16
)

var (
	group       = schema.GroupVersion{Group: "fleet.cattle.io", Version: "v1alpha1"}
	clusters    = group.WithResource("clusters")
	bundles     = group.WithResource("bundles")
	gitRepos    = group.WithResource("gitrepos")
	deployments = group.WithResource("bundledeployments")
)

// clients has a connection of its own for each watch and one for requests, so
// that no event waits behind another's bytes.
type clients struct {
	requests dynamic.Interface
	watches  map[schema.GroupVersionResource]dynamic.Interface
}

func newClients(kubeconfig string) (*clients, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // no limit on our side
	connect := func() (dynamic.Interface, error) {
		own := rest.CopyConfig(config)
		own.Dial = (&net.Dialer{}).DialContext // client-go shares connections between configs with the same Dial
		return dynamic.NewForConfig(own)
	}
	c := &clients{watches: map[schema.GroupVersionResource]dynamic.Interface{}}
	if c.requests, err = connect(); err != nil {
		return nil, err
	}
	for _, resource := range []schema.GroupVersionResource{clusters, deployments, bundles} {
		if c.watches[resource], err = connect(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// fleet is what is loaded: every Bundle of a GitRepo targets every Cluster, and
// one more Bundle targets the Clusters labelled foo=bar, of which there are none.
type fleet struct{ gitRepos, bundlesPerRepo, clusters int }

func (f fleet) bundles() int { return f.gitRepos*f.bundlesPerRepo + 1 }

func clusterName(i int) string { return fmt.Sprintf("cluster-%03d", i) }

// mustBeNew refuses a server that holds Bundles: their BundleDeployments would be
// counted, and what is not ours is not ours to edit.
func (f fleet) mustBeNew(ctx context.Context, c *clients) error {
	list, err := c.requests.Resource(bundles).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	if len(list.Items) > 0 {
		return fmt.Errorf("the server already holds Bundles (%s/%s): measure an empty one", list.Items[0].GetNamespace(), list.Items[0].GetName())
	}
	return nil
}

// load creates Clusters, then GitRepos and Bundles, many at once.
func (f fleet) load(ctx context.Context, c *clients) error {
	for i := range f.clusters {
		if err := create(ctx, c, clusters, f.cluster(i)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	type write struct {
		resource schema.GroupVersionResource
		object   *unstructured.Unstructured
	}
	queue := make(chan write)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for w := range queue {
				if err := create(ctx, c, w.resource, w.object); err != nil {
					cancel(err)
				}
			}
		})
	}
	send := func(w write) bool {
		select {
		case queue <- w:
			return true
		case <-ctx.Done():
			return false
		}
	}
	send(write{bundles, f.waitingBundle()})
	for repo := range f.gitRepos {
		if !send(write{gitRepos, f.gitRepo(repo)}) {
			break
		}
		for i := range f.bundlesPerRepo {
			send(write{bundles, f.bundle(repo, i)})
		}
	}
	close(queue)
	group.Wait()
	return context.Cause(ctx)
}

// check counts the BundleDeployments that the fleet should have.
func (f fleet) check(ctx context.Context, c *clients) (int, error) {
	list, err := c.requests.Resource(deployments).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	if want := f.gitRepos * f.bundlesPerRepo * f.clusters; len(list.Items) != want {
		return 0, fmt.Errorf("there are %d BundleDeployments after loading and should be %d", len(list.Items), want)
	}
	return len(list.Items), nil
}

func create(ctx context.Context, c *clients, resource schema.GroupVersionResource, object *unstructured.Unstructured) error {
	_, err := c.requests.Resource(resource).Namespace(namespace).Create(ctx, object, metav1.CreateOptions{})
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx) // another write failed first
	}
	return err
}

func object(kind, name string, labels map[string]any, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": group.String(),
		"kind":       kind,
		"metadata":   map[string]any{"name": name, "namespace": namespace, "labels": labels},
		"spec":       spec,
	}}
}

func (f fleet) cluster(i int) *unstructured.Unstructured {
	return object("Cluster", clusterName(i), map[string]any{"env": "prod", "cluster": clusterName(i)}, map[string]any{})
}

func (f fleet) gitRepo(repo int) *unstructured.Unstructured {
	return object("GitRepo", fmt.Sprintf("repo-%03d", repo), nil, map[string]any{
		"repo":    fmt.Sprintf("https://git.example.com/repo-%03d", repo),
		"targets": []any{allClusters()},
	})
}

// allClusters is a target as a GitRepo's author writes it, and its restriction.
func allClusters() map[string]any {
	return map[string]any{"name": "all", "clusterSelector": map[string]any{}}
}

func (f fleet) bundle(repo, i int) *unstructured.Unstructured {
	return bundle(fmt.Sprintf("repo-%03d-app-%02d", repo, i), fmt.Sprintf("repo-%03d", repo), allClusters())
}

func (f fleet) waitingBundle() *unstructured.Unstructured {
	return bundle(waitingName, "waiting", map[string]any{
		"name":            "labelled",
		"clusterSelector": map[string]any{"matchLabels": map[string]any{labelKey: labelValue}},
	})
}

func bundle(name, repo string, target map[string]any) *unstructured.Unstructured {
	return object("Bundle", name, map[string]any{
		"fleet.cattle.io/repo-name": repo,
		"fleet.cattle.io/commit":    "0123456789abcdef0123456789abcdef01234567",
	}, map[string]any{
		"defaultNamespace": name,
		"resources": []any{map[string]any{
			"name":    "configmap.yaml",
			"content": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  key: value\n",
		}},
		"targets":            []any{target},
		"targetRestrictions": []any{target},
	})
}
