// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Argo follows BundleDeployments with the cluster cache of Argo CD's engine, and prints what
// the cache reports to Argo CD:
//
//	argo --kubeconfig=FILE [--list-every=DURATION]
//
// It writes one line of JSON to standard output for each event that the cache receives
// ("from":"watch"), and for each change of its contents ("from":"cache"), including changes
// by a new list. One line says that the cache has the state, and one line for each list
// says that it was answered ("from":"list").
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/clientcmd"
)

type line struct {
	From            string `json:"from,omitempty"`
	Type            string `json:"type"`
	Namespace       string `json:"namespace,omitempty"`
	Name            string `json:"name,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
}

// only makes the cache follow BundleDeployments.
type only struct{}

// IsExcludedResource implements kube.ResourceFilter.
func (only) IsExcludedResource(group, kind, _ string) bool {
	return group != "fleet.cattle.io" || kind != "BundleDeployment"
}

type printer struct {
	sync.Mutex
	out *json.Encoder
}

func (p *printer) print(l line) {
	p.Lock()
	defer p.Unlock()
	if err := p.out.Encode(l); err != nil {
		fmt.Fprintln(os.Stderr, "argo:", err)
		os.Exit(1)
	}
}

func (p *printer) received(event watch.EventType, object *unstructured.Unstructured) {
	p.print(line{From: "watch", Type: strings.ToLower(string(event)), Namespace: object.GetNamespace(), Name: object.GetName(), ResourceVersion: object.GetResourceVersion()})
}

func (p *printer) changed(is, was *cache.Resource, _ map[kube.ResourceKey]*cache.Resource) {
	kind, r := "modified", is
	switch {
	case is == nil:
		kind, r = "deleted", was
	case was == nil:
		kind = "added"
	}
	p.print(line{From: "cache", Type: kind, Namespace: r.Ref.Namespace, Name: r.Ref.Name, ResourceVersion: r.ResourceVersion})
}

type lists struct {
	next http.RoundTripper
	to   *printer
}

// RoundTrip implements http.RoundTripper.
func (l lists) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	// The cache lists in pages.
	if query := request.URL.Query(); err == nil && query.Has("limit") && !query.Has("continue") {
		l.to.print(line{From: "list", Type: fmt.Sprintf("answered with %d", response.StatusCode)})
	}
	return response, err
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "argo:", err)
		os.Exit(1)
	}
}

func run() error {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the API server")
	listEvery := flag.Duration("list-every", 10*time.Minute, "time between two lists of the cache, each followed by a new watch")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	p := &printer{out: json.NewEncoder(os.Stdout)}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return lists{next, p} })
	c := cache.NewClusterCache(config, cache.SetSettings(cache.Settings{
		ResourceHealthOverride: cache.NewNoopSettings(), ResourcesFilter: only{},
	}), cache.SetWatchResyncTimeout(*listEvery))
	c.OnEvent(p.received)
	c.OnResourceUpdated(p.changed)
	if err := c.EnsureSynced(); err != nil {
		return err
	}
	p.print(line{Type: "synced"})

	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, syscall.SIGINT, syscall.SIGTERM)
	<-stopped
	return nil
}
