// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package custom

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
	apischema "k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/bench/site"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// Group is the group of the custom resources. Muster does not start where custom resources
// serve its own group.
const Group = "custom.example.com"

// Deployments is the resource that scenarios compare with while Muster serves its own.
var (
	Deployments = apischema.GroupVersionResource{Group: Group, Version: "v1alpha1", Resource: "bundledeployments"}
	prefix      = "/registry/" + Group + "/bundledeployments/"
)

// Define makes kube-apiserver serve a resource as a custom resource, and returns when it
// does.
func Define(t cluster.T, control *cluster.ControlPlane, resource apischema.GroupVersionResource) error {
	text, err := json.Marshal(definition(resource.Group))
	if err != nil {
		return err
	}
	file := filepath.Join(cluster.Folder(t, "definition"), "definition.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if _, _, err := control.Kubectl("apply", "-f", file); err != nil {
		return err
	}
	client, err := site.Connect(control.Config)
	if err != nil {
		return err
	}
	return poll.Until(t.Context(), time.Minute, func(ctx context.Context) error {
		return client.Get().AbsPath(site.Path(resource, "")).Param("limit", "1").Do(ctx).Error()
	})
}

// Mirror stores the n BundleDeployments that Muster shows as custom resources, and returns a
// client of kube-apiserver, which shows them. Clear removes them.
func Mirror(ctx context.Context, s *site.Site, n int) (*rest.RESTClient, error) {
	var all []json.RawMessage
	for next := ""; ; {
		text, err := site.Answer(ctx, s.Client.Get().AbsPath(site.Path(site.Deployments, "")).Param("limit", "500").Param("continue", next))
		if err != nil {
			return nil, err
		}
		var list struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		all = append(all, list.Items...)
		if next = list.Metadata.Continue; next == "" {
			break
		}
	}
	if len(all) != n {
		return nil, fmt.Errorf("there are %d BundleDeployments and should be %d", len(all), n)
	}
	return Put(ctx, s, n, func(i int) (map[string]any, error) {
		var o map[string]any
		return o, json.Unmarshal(all[i], &o)
	})
}

// Put replaces all custom resources by those of n objects, given as the JSON that a server
// shows. They get the group, and a name and a namespace of their own. It returns a client of
// kube-apiserver, which shows them.
func Put(ctx context.Context, s *site.Site, n int, object func(i int) (map[string]any, error)) (*rest.RESTClient, error) {
	if err := put(ctx, s.ControlClient(), n, object); err != nil {
		return nil, err
	}
	client, err := site.Connect(s.Control.Config)
	if err != nil {
		return nil, err
	}
	return client, count(ctx, client, n)
}

func put(ctx context.Context, client *clientv3.Client, n int, object func(i int) (map[string]any, error)) error {
	if _, err := client.Delete(ctx, prefix, clientv3.WithPrefix()); err != nil {
		return err
	}
	const batch, writers = 50, 8
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for first := 0; first < n && ctx.Err() == nil; first += batch {
		group.Go(func() error {
			var puts []clientv3.Op
			for i := first; i < min(first+batch, n); i++ {
				o, err := object(i)
				if err != nil {
					return err
				}
				key, value, err := stored(o)
				if err != nil {
					return err
				}
				puts = append(puts, clientv3.OpPut(key, value))
			}
			_, err := client.Txn(ctx).Then(puts...).Commit()
			return err
		})
	}
	return group.Wait()
}

// stored returns an object in the form in which kube-apiserver stores it.
func stored(o map[string]any) (key, value string, err error) {
	o["apiVersion"], o["kind"] = Group+"/v1alpha1", "BundleDeployment"
	meta, ok := o["metadata"].(map[string]any)
	if !ok {
		return "", "", errors.New("an object without metadata")
	}
	delete(meta, "resourceVersion")
	meta["generation"] = 1
	text, err := json.Marshal(o)
	return fmt.Sprintf("%s%v/%v", prefix, meta["namespace"], meta["name"]), string(text), err
}

// namespaces is the prefix of kube-apiserver's records of Clusters' namespaces.
const namespaces = "/registry/namespaces/cluster-"

// Place stores the namespaces of Clusters, because kube-apiserver refuses a write to one
// that does not exist. It does not use the API: controllers would have work to do in each.
func Place(ctx context.Context, s *site.Site, names []string) error {
	const batch = 100
	for some := range slices.Chunk(names, batch) {
		var puts []clientv3.Op
		for _, name := range some {
			sum := sha256.Sum256([]byte(name))
			text, err := json.Marshal(map[string]any{
				"apiVersion": "v1", "kind": "Namespace",
				"metadata": map[string]any{
					"name": name, "uid": fmt.Sprintf("%x-%x-4000-8000-%x", sum[:4], sum[4:6], sum[6:12]), "creationTimestamp": "2026-01-01T00:00:00Z",
					"labels": map[string]any{"kubernetes.io/metadata.name": name},
				},
				"spec": map[string]any{"finalizers": []string{"kubernetes"}}, "status": map[string]any{"phase": "Active"},
			})
			if err != nil {
				return err
			}
			puts = append(puts, clientv3.OpPut("/registry/namespaces/"+name, string(text)))
		}
		if _, err := s.ControlClient().Txn(ctx).Then(puts...).Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Clear removes all custom resources, and the namespaces that were created for them.
// It only logs errors: the next scenario stores its own.
func Clear(t cluster.T, s *site.Site) {
	for _, below := range []string{prefix, namespaces} {
		if _, err := s.ControlClient().Delete(context.WithoutCancel(t.Context()), below, clientv3.WithPrefix()); err != nil {
			t.Logf("removing %s from kube-apiserver's etcd: %v", below, err)
		}
	}
}

// count waits until kube-apiserver shows so many custom resources.
func count(ctx context.Context, client *rest.RESTClient, n int) error {
	const limit = 2 * time.Minute
	return poll.Until(ctx, limit, func(ctx context.Context) error {
		var list struct {
			Metadata struct {
				RemainingItemCount int `json:"remainingItemCount"`
			} `json:"metadata"`
			Items []json.RawMessage `json:"items"`
		}
		text, err := site.Answer(ctx, client.Get().AbsPath(site.Path(Deployments, "")).Param("limit", "1"))
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if got := len(list.Items) + list.Metadata.RemainingItemCount; err == nil && got != n {
			err = fmt.Errorf("kube-apiserver shows %d custom resources of %d", got, n)
		}
		return err
	})
}
