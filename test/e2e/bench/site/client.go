// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package site

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// Resources of Muster.
var (
	Clusters      = v1alpha1.SchemeGroupVersion.WithResource("clusters")
	ClusterGroups = v1alpha1.SchemeGroupVersion.WithResource("clustergroups")
	Bundles       = v1alpha1.SchemeGroupVersion.WithResource("bundles")
	Deployments   = v1alpha1.SchemeGroupVersion.WithResource("bundledeployments")
)

// Path returns the path of a resource's list, in all namespaces if namespace is empty.
func Path(resource schema.GroupVersionResource, namespace string, name ...string) string {
	path := "/apis/" + resource.Group + "/" + resource.Version
	if namespace != "" {
		path += "/namespaces/" + namespace
	}
	path += "/" + resource.Resource
	for _, n := range name {
		path += "/" + n
	}
	return path
}

// Connect returns a client with a connection of its own. It decodes nothing, so that its
// own work is not measured.
func Connect(config *rest.Config) (*rest.RESTClient, error) {
	own := cluster.Unshared(config)
	own.GroupVersion = &metav1.SchemeGroupVersion
	own.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	own.ContentType, own.AcceptContentTypes = "application/json", "application/json"
	return rest.RESTClientFor(own)
}

// Answer returns the server's answer to a request; an error contains it too.
func Answer(ctx context.Context, request *rest.Request) ([]byte, error) {
	const most = 500
	result := request.Do(ctx)
	text, err := result.Raw()
	if err != nil {
		var status int
		result.StatusCode(&status)
		return nil, fmt.Errorf("%s: %w: %d %.*s", request.URL().Path, err, status, most, text)
	}
	return text, nil
}

// Patch sends a merge patch, and returns the answer as Answer does.
func Patch(ctx context.Context, c *rest.RESTClient, path, body string) ([]byte, error) {
	return Answer(ctx, c.Patch(types.MergePatchType).AbsPath(path).Body([]byte(body)))
}

// Each calls do for each number below n, 16 at a time.
func Each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i := range n {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return do(ctx, i)
		})
	}
	return group.Wait()
}
