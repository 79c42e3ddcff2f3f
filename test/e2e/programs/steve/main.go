// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Steve follows BundleDeployments with the SQL cache of Rancher's Steve, which Rancher's UI
// reads. It prints the events that a subscriber to that cache gets:
//
//	steve --kubeconfig=FILE [--listen=ADDRESS]
//
// It writes one line of JSON for each event to standard output. The first line says that
// the cache has the state, and gives its resourceVersion. At the address it serves further
// subscribers. A subscriber that names a resourceVersion first gets what came after it.
//
//	curl http://ADDRESS/?resourceVersion=VERSION
//
// The cache keeps its database in the working folder, and removes an older one there.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rancher/steve/pkg/sqlcache/informer"
	"github.com/rancher/steve/pkg/sqlcache/informer/factory"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

type line struct {
	Type            string `json:"type"`
	Namespace       string `json:"namespace,omitempty"`
	Name            string `json:"name,omitempty"`
	ResourceVersion string `json:"resourceVersion"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "steve:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the API server")
	listen := flag.String("listen", "", "address for further subscribers; none by default")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	gv := schema.GroupVersion{Group: "fleet.cattle.io", Version: "v1alpha1"}
	// Rancher uses the defaults of these.
	caches, err := factory.NewCacheFactoryWithContext(ctx, factory.CacheFactoryOptions{GCInterval: 15 * time.Minute, GCKeepCount: 1000})
	if err != nil {
		return err
	}
	cache, err := caches.CacheFor(ctx, nil, nil, nil, nil, client.Resource(gv.WithResource("bundledeployments")), gv.WithKind("BundleDeployment"), nil, true, true)
	if err != nil {
		return err
	}
	defer caches.DoneWithCache(cache)

	failed := make(chan error, 1)
	if *listen != "" {
		server := &http.Server{Addr: *listen, ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serve(w, r, cache)
		})}
		defer server.Close()
		go func() { failed <- server.ListenAndServe() }()
	}
	go func() { failed <- subscribe(ctx, cache, "", os.Stdout) }()
	return <-failed
}

// serve sends the events of a subscription over HTTP.
func serve(w http.ResponseWriter, r *http.Request, cache informer.ByOptionsLister) {
	switch err := subscribe(r.Context(), cache, r.URL.Query().Get("resourceVersion"), flushed{w}); {
	case errors.Is(err, informer.ErrTooOld):
		http.Error(w, err.Error(), http.StatusGone)
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// flushed sends each write at once.
type flushed struct{ http.ResponseWriter }

func (f flushed) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	return n, err
}

// subscribe writes the events after a version, or after now if the version is empty. It
// returns when ctx or the cache ends the subscription.
func subscribe(ctx context.Context, cache informer.ByOptionsLister, after string, to io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := json.NewEncoder(to)
	if after == "" {
		after = strings.Join(cache.GetLatestResourceVersion(), "")
		if err := out.Encode(line{Type: "synced", ResourceVersion: after}); err != nil {
			return err
		}
	}
	events, ended := make(chan watch.Event), make(chan error, 1)
	go func() { ended <- cache.Watch(ctx, informer.WatchOptions{ResourceVersion: after}, events) }()
	// The cache blocks while a subscriber does not read, so read until the watch has ended.
	var failure error
	for {
		select {
		case err := <-ended:
			return errors.Join(failure, err)
		case event := <-events:
			object, ok := event.Object.(*unstructured.Unstructured)
			if !ok || failure != nil {
				continue
			}
			failure = out.Encode(line{
				Type: strings.ToLower(string(event.Type)), Namespace: object.GetNamespace(), Name: object.GetName(), ResourceVersion: object.GetResourceVersion(),
			})
			if failure != nil {
				cancel()
			}
		}
	}
}
