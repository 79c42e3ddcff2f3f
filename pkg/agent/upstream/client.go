// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/manifest"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// mostContent bounds the unpacked size of a Content: more than fits into etcd as gzip, and
// little enough to be harmless.
const mostContent = 256 << 20

// Client sends an agent's requests to the server.
type Client struct {
	fleet versioned.Interface
	core  kubernetes.Interface
}

// New returns a Client of a server. It obeys the configuration's QPS; -1 means no limit.
func New(config *rest.Config) (*Client, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	fleet, err := versioned.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	core, err := kubernetes.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, err
	}
	return &Client{fleet: fleet, core: core}, nil
}

// Manifest fetches the resources that a deployment ID identifies.
func (c *Client) Manifest(ctx context.Context, deploymentID string) ([]v1alpha1.BundleResource, error) {
	id, _, _ := strings.Cut(deploymentID, ":")
	if id == "" {
		return nil, fmt.Errorf("deployment ID %q names no content", deploymentID)
	}
	content, err := c.fleet.FleetV1alpha1().Contents().Get(ctx, id, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("getting content %s: %w", id, err)
	}
	text, err := manifest.Decompress(content.Content, mostContent)
	if err != nil {
		return nil, fmt.Errorf("content %s: %w", id, err)
	}
	if digest := manifest.Digest(text); content.SHA256Sum != "" && content.SHA256Sum != digest {
		return nil, fmt.Errorf("content %s does not match its hash: it says %s and is %s", id, content.SHA256Sum, digest)
	}
	return manifest.Decode(text)
}

// Secret reads a Secret in the agent's namespace.
func (c *Client) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	return c.core.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
}

// ConfigMap reads a ConfigMap in the agent's namespace.
func (c *Client) ConfigMap(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error) {
	return c.core.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
}

// Report sends the differences between a BundleDeployment as the agent read it and as the
// agent wants it. Without a difference it sends nothing and returns nil.
func (c *Client) Report(ctx context.Context, read, wanted *v1alpha1.BundleDeployment) (*v1alpha1.BundleDeployment, error) {
	patch, err := Diff(read, wanted)
	if err != nil || patch == nil {
		return nil, err
	}
	return c.fleet.FleetV1alpha1().BundleDeployments(read.Namespace).Patch(ctx, read.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
}

// Heartbeat says that the agent of a Cluster is alive; from is the downstream
// namespace that it runs in (S 9.4).
func (c *Client) Heartbeat(ctx context.Context, cluster types.NamespacedName, from string, at time.Time) error {
	patch, err := json.Marshal([]map[string]any{{
		"op": "add", "path": "/status/agent",
		"value": map[string]string{"lastSeen": at.UTC().Format(time.RFC3339), "namespace": from},
	}})
	if err != nil {
		return err
	}
	_, err = c.fleet.FleetV1alpha1().Clusters(cluster.Namespace).Patch(ctx, cluster.Name, types.JSONPatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

// NotReady is the error of a BundleDeployment that has to wait for others.
type NotReady struct{ Names []string }

func (e *NotReady) Error() string {
	return fmt.Sprintf("dependent bundle(s) are not ready: %v", e.Names)
}

// Dependencies returns nil if everything that a BundleDeployment depends on is deployed,
// and a *NotReady if some of it exists and is not ready (S 9.7).
func (c *Client) Dependencies(ctx context.Context, bd *v1alpha1.BundleDeployment) error {
	missing := &NotReady{}
	for _, ref := range bd.Spec.DependsOn {
		if ref.Name == "" && ref.Selector == nil {
			continue
		}
		selector := ref.Selector.DeepCopy()
		if selector == nil {
			selector = &metav1.LabelSelector{}
		}
		if ref.Name != "" {
			selector = metav1.AddLabelToSelector(selector, v1alpha1.LabelBundleName, ref.Name)
			selector = metav1.AddLabelToSelector(selector, v1alpha1.LabelBundleNamespace, bd.Labels[v1alpha1.LabelBundleNamespace])
		}
		parsed, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil {
			return err
		}
		names, err := c.unready(ctx, bd.Namespace, parsed, ref.AcceptedStates)
		if err != nil {
			return err
		}
		missing.Names = append(missing.Names, names...)
	}
	if len(missing.Names) > 0 {
		return missing
	}
	return nil
}

func (c *Client) unready(ctx context.Context, namespace string, selector labels.Selector, accepted []v1alpha1.BundleState) (names []string, err error) {
	list, err := c.fleet.FleetV1alpha1().BundleDeployments(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector.String()})
	if err != nil {
		return nil, err
	}
	if len(list.Items) == 0 {
		return nil, fmt.Errorf("list bundledeployments: no bundles matching labels %s in namespace %s", selector, namespace)
	}
	if len(accepted) == 0 {
		accepted = []v1alpha1.BundleState{v1alpha1.Ready}
	}
	for i := range list.Items {
		other := &list.Items[i]
		if !slices.Contains(accepted, reports.State(&other.Spec, &other.Status)) {
			names = append(names, other.Name)
		}
	}
	return names, nil
}
