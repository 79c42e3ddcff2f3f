// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package informers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/generated/informers/externalversions"
)

// Client is the argument that makes the benchmark's program the one with the informer.
const Client = "informer"

// question is the input of the program, and answer its output.
type question struct {
	Host    string
	TLS     rest.TLSClientConfig
	Token   string
	Objects int // that the informer has to have
}

type answer struct {
	Synced time.Duration
	Used   int64 // bytes of the heap after a collection
}

// Serve runs the program with the informer.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	var q question
	if err := json.NewDecoder(in).Decode(&q); err != nil {
		return err
	}
	client, err := versioned.NewForConfig(&rest.Config{Host: q.Host, TLSClientConfig: q.TLS, BearerToken: q.Token})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	begun := time.Now()
	factory := externalversions.NewSharedInformerFactory(client, 0)
	informer := factory.Fleet().V1alpha1().BundleDeployments().Informer()
	factory.StartWithContext(ctx)
	defer factory.Shutdown()
	defer cancel()
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return errors.New("the informer did not sync")
	}
	a := answer{Synced: time.Since(begun)}
	if got := len(informer.GetStore().ListKeys()); got != q.Objects {
		return fmt.Errorf("the informer has %d objects, not %d", got, q.Objects)
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	a.Used = int64(stats.HeapAlloc)
	runtime.KeepAlive(informer)
	return json.NewEncoder(out).Encode(a)
}
