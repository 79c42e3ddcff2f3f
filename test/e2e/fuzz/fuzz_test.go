// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
	"github.com/musterfleet/muster/test/replay"
)

const (
	// objects is the number of objects unless MUSTER_FUZZ gives one.
	objects = 1200
	// stored says that one in so many objects is written, replaced and deleted. The others
	// are dry runs.
	stored  = 6
	workers = 4
	// patience bounds the start of a server.
	patience = time.Minute
)

// All tests share these.
var (
	shapes         map[string]node
	theirs, muster *side
)

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		shapes = schemas(t)
		control := cluster.StartAPIServer(t, cluster.EtcdOptions{})
		var err error
		theirs, err = newSide("kube-apiserver", control.Config)
		require.NoError(t, err)
		define(t)
		muster, err = newSide("muster", startMuster(t))
		require.NoError(t, err)
	})
}

// startMuster starts Muster by itself: one server cannot hold the definitions and aggregate
// the group.
func startMuster(t cluster.T) *rest.Config {
	t.Helper()
	dir := filepath.Join(cluster.Folder(t, "muster"), "data")
	process := cluster.Prepare(t, "muster", cluster.Built(t, "muster"), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}, "--data-dir="+dir, "--secure-port=0")
	require.NoError(t, process.Start())
	var config *rest.Config
	poll.Eventually(t, patience, func(context.Context) error {
		var err error
		if config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig")); err != nil {
			return err
		}
		config.QPS = -1
		s, err := newSide("muster", config)
		if err != nil {
			return err
		}
		return ready(t.Context(), s, "/readyz")
	})
	return config
}

func ready(ctx context.Context, s *side, path string) error {
	a, err := s.do(ctx, http.MethodGet, path, nil)
	if err == nil && a.code != http.StatusOK {
		err = fmt.Errorf("%s%s answers %d: %s", s.name, path, a.code, a.body)
	}
	return err
}

// define makes the kinds custom resources, and creates a namespace for each.
func define(t cluster.T) {
	t.Helper()
	for _, k := range written() {
		version := map[string]any{"name": "v1alpha1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": shapes[k.Kind]}}
		members := properties(shapes[k.Kind])
		members["apiVersion"], members["kind"], members["metadata"] = node{"type": "string"}, node{"type": "string"}, node{"type": "object"}
		if k.StatusEndpoint {
			version["subresources"] = map[string]any{"status": map[string]any{}}
		}
		for path, body := range map[string]any{
			"/apis/apiextensions.k8s.io/v1/customresourcedefinitions": map[string]any{
				"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
				"metadata": map[string]any{"name": k.Plural + ".fleet.cattle.io"},
				"spec": map[string]any{
					"group": "fleet.cattle.io", "scope": "Namespaced", "versions": []any{version},
					"names": map[string]any{"plural": k.Plural, "singular": k.Singular, "kind": k.Kind, "listKind": k.Kind + "List"},
				},
			},
			"/api/v1/namespaces": map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace(k)}},
		} {
			a, err := theirs.do(t.Context(), http.MethodPost, path, body)
			require.NoError(t, err)
			require.Equal(t, http.StatusCreated, a.code, "%s: %s", k.Kind, a.body)
		}
	}
	for _, k := range written() {
		poll.Eventually(t, patience, func(context.Context) error { return ready(t.Context(), theirs, collection(k)) })
	}
}

func namespace(k *kinds.Kind) string { return "fuzz-" + k.Plural }

func collection(k *kinds.Kind) string {
	return "/apis/fleet.cattle.io/v1alpha1/namespaces/" + namespace(k) + "/" + k.Plural
}

// finding holds an object on which the servers differ.
type finding struct {
	sent         map[string]any
	how          string
	theirs, ours answer
}

func (f *finding) String() string {
	text, err := json.Marshal(f.sent)
	if err != nil {
		text = []byte(err.Error())
	}
	return fmt.Sprintf("%s\nobject: %.4000s\nkube-apiserver (%d): %.1500s\nmuster (%d): %.1500s", f.how, text, f.theirs.code, f.theirs.body, f.ours.code, f.ours.body)
}

// both sends one request to both servers, and returns a finding or nil.
func both(ctx context.Context, k *kinds.Kind, method, path string, sent map[string]any) (*finding, error) {
	f := &finding{sent: sent}
	var err error
	if f.theirs, err = theirs.do(ctx, method, path, sent); err != nil {
		return nil, err
	}
	if f.ours, err = muster.do(ctx, method, path, sent); err != nil {
		return nil, err
	}
	f.how, err = differ(k.Kind, sent, f.theirs, f.ours)
	if err != nil || f.how == "" {
		return nil, err
	}
	f.how = method + " " + path + ": " + f.how
	return f, nil
}

const dryRun = "?dryRun=All&fieldValidation=Ignore"

func try(ctx context.Context, k *kinds.Kind, sent map[string]any) (*finding, error) {
	f, err := both(ctx, k, http.MethodPost, collection(k)+dryRun, sent)
	for f != nil && err == nil {
		var less *finding
		if less, err = shrink(ctx, k, sent); less == nil {
			break
		}
		f, sent = less, less.sent
	}
	return f, err
}

// shrink returns a smaller object on which the servers differ too.
func shrink(ctx context.Context, k *kinds.Kind, sent map[string]any) (*finding, error) {
	for _, less := range smaller(sent) {
		less := less.(map[string]any)
		if less["apiVersion"] == nil || less["kind"] == nil || less["metadata"] == nil {
			continue
		}
		if f, err := both(ctx, k, http.MethodPost, collection(k)+dryRun, less); f != nil || err != nil {
			return f, err
		}
	}
	return nil, nil
}

// store writes an object, reads it, replaces it with another one, and deletes it.
func store(ctx context.Context, k *kinds.Kind, name string, sent, next map[string]any) (*finding, error) {
	f, err := both(ctx, k, http.MethodPost, collection(k)+"?fieldValidation=Ignore", sent)
	if f != nil || err != nil {
		return f, err
	}
	at := collection(k) + "/" + name
	defer func() {
		for _, s := range []*side{theirs, muster} {
			// If this object remained, the next one with that name would show it.
			_, _ = s.do(context.WithoutCancel(ctx), http.MethodDelete, at, nil)
		}
	}()
	read := &finding{sent: sent, how: "GET " + at}
	if read.theirs, err = theirs.do(ctx, http.MethodGet, at, nil); err != nil {
		return nil, err
	}
	if read.ours, err = muster.do(ctx, http.MethodGet, at, nil); err != nil {
		return nil, err
	}
	if read.theirs.code != http.StatusOK || read.ours.code != http.StatusOK {
		return nil, nil // neither accepted it, or one did not and may refuse it
	}
	if how, err := differ(k.Kind, sent, read.theirs, read.ours); err != nil || how != "" {
		read.how += ": " + how
		return read, err
	}
	update := &finding{sent: next, how: "PUT " + at + " after " + fmt.Sprint(sent)}
	for s, read := range map[*side]answer{theirs: read.theirs, muster: read.ours} {
		var object struct {
			Metadata struct {
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(read.body, &object); err != nil {
			return nil, err
		}
		next["metadata"] = map[string]any{"name": name, "resourceVersion": object.Metadata.ResourceVersion}
		a, err := s.do(ctx, http.MethodPut, at+"?fieldValidation=Ignore", next)
		if err != nil {
			return nil, err
		}
		if s == theirs {
			update.theirs = a
		} else {
			update.ours = a
		}
	}
	how, err := differ(k.Kind, next, update.theirs, update.ours)
	if err != nil || how == "" {
		return nil, err
	}
	update.how += ": " + how
	return update, nil
}

func TestEachObjectIsAcceptedAndReadAsACustomResource(t *testing.T) {
	t.Parallel()
	count := objects
	if text := os.Getenv("MUSTER_FUZZ"); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		require.NoError(t, err, "MUSTER_FUZZ is a number of objects")
	}
	seeds := replay.Rand(t)
	first := seeds.Uint64()
	var next atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	var findings []string
	began, all := time.Now(), written()
	require.Len(t, all, 12)
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				mu.Lock()
				enough := i >= count || len(findings) >= 10
				mu.Unlock()
				if enough {
					return
				}
				g := &generator{Rand: rand.New(rand.NewPCG(first, uint64(i)))}
				k := all[i%len(all)]
				name := fmt.Sprintf("n-%d", i)
				make := func() map[string]any {
					o := g.make(k.Kind, shapes[k.Kind])
					o["metadata"] = map[string]any{"name": name}
					return o
				}
				var f *finding
				var err error
				if i/len(all)%stored == 0 {
					f, err = store(t.Context(), k, name, make(), make())
				} else {
					f, err = try(t.Context(), k, make())
				}
				mu.Lock()
				switch {
				case err != nil:
					findings = append(findings, err.Error())
				case f != nil:
					findings = append(findings, f.String())
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for _, f := range findings {
		t.Errorf("object differs: %s", f)
	}
	t.Logf("%d objects in %v", count, time.Since(began).Round(time.Second))
}
