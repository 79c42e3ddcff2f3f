// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/test/poll"
)

const (
	// workspace is the namespace of the CLI unless its user names another.
	workspace = "fleet-local"
	patience  = 30 * time.Second
	checkout  = "../../.."
)

// fleetCLI sends the requests that Fleet's CLI sends (S 10.2), with its objects (S 4.5).
type fleetCLI struct {
	t         *testing.T
	namespace string
	fleet     versioned.Interface
	core      kubernetes.Interface
}

func newFleetCLI(t *testing.T, config *rest.Config) *fleetCLI {
	return &fleetCLI{t, workspace, versioned.NewForConfigOrDie(config), kubernetes.NewForConfigOrDie(config)}
}

// apply does what "fleet apply REPO" does with one directory: the values are those of
// values.yaml, and none if they are "".
func (c *fleetCLI) apply(repo, name, values string) *v1alpha1.Bundle {
	c.t.Helper()
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{v1alpha1.LabelRepoName: repo}}}
	bundle.Spec.Resources = []v1alpha1.BundleResource{{Name: "config.yaml", Content: "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + "}\n"}}
	bundle.Spec.Targets = []v1alpha1.BundleTarget{{Name: "all", ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	bundle.Spec.Helm = &v1alpha1.HelmOptions{ReleaseName: name}
	var content map[string][]byte
	if values != "" {
		content = data("values.yaml", values)
	}
	bundle = c.save(bundle, content)
	c.prune(repo, name)
	return bundle
}

// save saves a Bundle and its values.
func (c *fleetCLI) save(bundle *v1alpha1.Bundle, values map[string][]byte) *v1alpha1.Bundle {
	c.t.Helper()
	if len(values) == 0 {
		c.deleteSecret(bundle.Name)
		return c.saveBundle(bundle)
	}
	bundle.Spec.ValuesHash = record.ValuesHash(values)
	bundle = c.saveBundle(bundle)
	c.saveValues(bundle, values)
	return bundle
}

func (c *fleetCLI) deleteSecret(name string) {
	c.t.Helper()
	if err := c.core.CoreV1().Secrets(c.namespace).Delete(c.t.Context(), name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		require.NoError(c.t, err)
	}
}

func (c *fleetCLI) saveBundle(bundle *v1alpha1.Bundle) *v1alpha1.Bundle {
	c.t.Helper()
	bundles := c.fleet.FleetV1alpha1().Bundles(c.namespace)
	have, err := bundles.Get(c.t.Context(), bundle.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		bundle, err = bundles.Create(c.t.Context(), bundle, metav1.CreateOptions{})
		require.NoError(c.t, err)
		return bundle
	}
	require.NoError(c.t, err)
	have.Spec, have.Labels, have.Annotations = bundle.Spec, bundle.Labels, bundle.Annotations
	have, err = bundles.Update(c.t.Context(), have, metav1.UpdateOptions{})
	require.NoError(c.t, err)
	return have
}

// saveValues updates the Secret without a resourceVersion, as earlier releases of the CLI do.
func (c *fleetCLI) saveValues(bundle *v1alpha1.Bundle, content map[string][]byte) {
	c.t.Helper()
	secrets := c.core.CoreV1().Secrets(c.namespace)
	values := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.namespace, Name: bundle.Name, Labels: bundle.Labels,
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Bundle", Name: bundle.Name, UID: bundle.UID,
				Controller: new(true), BlockOwnerDeletion: new(true),
			}},
		},
		Type: v1alpha1.SecretTypeBundleValues, Data: content,
	}
	_, err := secrets.Get(c.t.Context(), bundle.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = secrets.Create(c.t.Context(), values, metav1.CreateOptions{})
		require.NoError(c.t, err)
		return
	}
	require.NoError(c.t, err)
	_, err = secrets.Update(c.t.Context(), values, metav1.UpdateOptions{})
	require.NoError(c.t, err)
}

// prune deletes the Bundles of a repository except one.
func (c *fleetCLI) prune(repo, keep string) {
	c.t.Helper()
	bundles := c.fleet.FleetV1alpha1().Bundles(c.namespace)
	list, err := bundles.List(c.t.Context(), metav1.ListOptions{LabelSelector: v1alpha1.LabelRepoName + "=" + repo})
	require.NoError(c.t, err)
	for _, each := range list.Items {
		if each.Name != keep {
			require.NoError(c.t, bundles.Delete(c.t.Context(), each.Name, metav1.DeleteOptions{}))
		}
	}
}

// deployed waits until the BundleDeployment of a Bundle has some values; "" is none.
func (c *fleetCLI) deployed(namespace, bundle, values string) *v1alpha1.BundleDeployment {
	c.t.Helper()
	var bd *v1alpha1.BundleDeployment
	poll.Eventually(c.t, patience, func(ctx context.Context) error {
		var err error
		if bd, err = c.fleet.FleetV1alpha1().BundleDeployments(namespace).Get(ctx, bundle, metav1.GetOptions{}); err != nil {
			return err
		}
		is := ""
		if helm := bd.Spec.Options.Helm; helm != nil && helm.Values != nil {
			text, err := json.Marshal(helm.Values)
			if err != nil {
				return err
			}
			is = string(text)
		}
		if is != values {
			return fmt.Errorf("the values are %q and not yet %q", is, values)
		}
		return nil
	})
	return bd
}

// disappears waits until a Secret is gone.
func (c *fleetCLI) disappears(namespace, name string) {
	c.t.Helper()
	poll.Eventually(c.t, patience, func(ctx context.Context) error {
		_, err := c.core.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, errors.New("it exists"))
	})
}

func (c *fleetCLI) cluster(name string, labels map[string]string) (namespace string) {
	c.t.Helper()
	made := &v1alpha1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	cluster, err := c.fleet.FleetV1alpha1().Clusters(c.namespace).Create(c.t.Context(), made, metav1.CreateOptions{})
	require.NoError(c.t, err)
	return cluster.Status.Namespace
}

func TestFleetApplyWorksAgainstTheAllInOne(t *testing.T) {
	t.Parallel()
	cli := newFleetCLI(t, run(t, t.TempDir()).config)
	namespace := cli.cluster("one", nil)

	first := cli.apply("repo", "app", `{"replicas":1}`)
	before := cli.deployed(namespace, "app", `{"replicas":1}`)
	second := cli.apply("repo", "app", `{"replicas":2}`)
	require.Equal(t, first.UID, second.UID)
	after := cli.deployed(namespace, "app", `{"replicas":2}`)
	require.NotEqual(t, before.Spec.DeploymentID, after.Spec.DeploymentID)
	cli.apply("repo", "app", "")
	cli.deployed(namespace, "app", "")
	cli.disappears(workspace, "app")
	cli.apply("repo", "app", `{"replicas":3}`)
	cli.deployed(namespace, "app", `{"replicas":3}`)

	// The directory has moved: the CLI deletes the old Bundle, and its Secret follows. Others
	// stay.
	bystander := secret("bystander", "", nil)
	_, err := cli.core.CoreV1().Secrets(workspace).Create(t.Context(), bystander, metav1.CreateOptions{})
	require.NoError(t, err)
	cli.apply("repo", "moved", `{"replicas":4}`)
	cli.deployed(namespace, "moved", `{"replicas":4}`)
	_, err = cli.fleet.FleetV1alpha1().BundleDeployments(namespace).Get(t.Context(), "app", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	cli.disappears(workspace, "app")
	for _, name := range []string{"bystander", "moved"} {
		_, err = cli.core.CoreV1().Secrets(workspace).Get(t.Context(), name, metav1.GetOptions{})
		require.NoError(t, err)
	}

	// "fleet apply" of another repository deletes none of the first.
	cli.apply("other", "other", "")
	cli.deployed(namespace, "moved", `{"replicas":4}`)
}

// TestTheDirectoryOfREADMEIsApplied: README and make run name the command.
func TestTheDirectoryOfREADMEIsApplied(t *testing.T) {
	t.Parallel()
	const directory = "artifacts/examples/hello"
	for _, page := range []string{"README.md", "hack/run/run.sh"} {
		text, err := os.ReadFile(filepath.Join(checkout, page))
		require.NoError(t, err)
		require.Contains(t, string(text), "fleet apply -n fleet-default hello "+directory+"\n", page)
	}
	bundle, values := readDirectory(t, filepath.Join(checkout, directory))
	cli := newFleetCLI(t, run(t, t.TempDir()).config)
	cli.namespace = "fleet-default"
	namespace := cli.cluster("one", map[string]string{"env": "prod", "region": "eu-central"})
	other := cli.cluster("other", map[string]string{"env": "dev", "region": "eu-central"})

	made := cli.save(bundle, values)
	require.Equal(t, "hello", made.Name)
	cli.deployed(namespace, "hello", `{"greeting":"Hello","name":"eu-central"}`)
	_, err := cli.fleet.FleetV1alpha1().BundleDeployments(other).Get(t.Context(), "hello", metav1.GetOptions{})
	require.True(t, apierrors.IsNotFound(err), "%v", err)
	require.NoError(t, cli.fleet.FleetV1alpha1().Bundles("fleet-default").Delete(t.Context(), "hello", metav1.DeleteOptions{}))
	cli.disappears("fleet-default", "hello")
}

// readDirectory returns the Bundle of a directory, and its values, which it no longer holds
// (S 10.3, S 4.5).
func readDirectory(t *testing.T, directory string) (*v1alpha1.Bundle, map[string][]byte) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(directory, "fleet.yaml"))
	require.NoError(t, err)
	var options struct {
		Name string `json:"name"`
		v1alpha1.BundleSpec
	}
	require.NoError(t, yaml.UnmarshalStrict(text, &options))
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: options.Name}, Spec: options.BundleSpec}
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "fleet.yaml" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(directory, path)
		bundle.Spec.Resources = append(bundle.Spec.Resources, v1alpha1.BundleResource{Name: name, Content: string(text)})
		return err
	}))
	values := map[string][]byte{}
	extract := func(key string, helm *v1alpha1.HelmOptions) {
		if helm != nil && helm.Values != nil {
			values[key], err = json.Marshal(helm.Values)
			require.NoError(t, err)
			helm.Values = nil
		}
	}
	extract("values.yaml", bundle.Spec.Helm)
	for i := range bundle.Spec.Targets {
		extract(bundle.Spec.Targets[i].Name, bundle.Spec.Targets[i].Helm)
	}
	return bundle, values
}

func TestCopiesOfSecretsReachAClusterAndGoWithIt(t *testing.T) {
	t.Parallel()
	cli := newFleetCLI(t, run(t, t.TempDir()).config)
	namespace := cli.cluster("one", nil)
	source := secret("login", "example.com/kind", data("password", "a"))
	_, err := cli.core.CoreV1().Secrets(workspace).Create(t.Context(), source, metav1.CreateOptions{})
	require.NoError(t, err)
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{"colour": "blue"}}
	_, err = cli.core.CoreV1().ConfigMaps(workspace).Create(t.Context(), settings, metav1.CreateOptions{})
	require.NoError(t, err)
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Name: "app"}}
	bundle.Spec.Targets = []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: &metav1.LabelSelector{}}}}
	bundle.Spec.DownstreamResources = []v1alpha1.DownstreamResource{{Kind: "Secret", Name: "login"}, {Kind: "ConfigMap", Name: "settings"}}
	_, err = cli.fleet.FleetV1alpha1().Bundles(workspace).Create(t.Context(), bundle, metav1.CreateOptions{})
	require.NoError(t, err)

	holds := func(password string) {
		t.Helper()
		poll.Eventually(t, patience, func(ctx context.Context) error {
			made, err := cli.core.CoreV1().Secrets(namespace).Get(ctx, "login", metav1.GetOptions{})
			if err != nil {
				return err
			}
			config, err := cli.core.CoreV1().ConfigMaps(namespace).Get(ctx, "settings", metav1.GetOptions{})
			if err != nil {
				return err
			}
			bd, err := cli.fleet.FleetV1alpha1().BundleDeployments(namespace).Get(ctx, "app", metav1.GetOptions{})
			if err != nil {
				return err
			}
			if string(made.Data["password"]) != password || made.Type != source.Type || config.Data["colour"] != "blue" || bd.Spec.WaitingForValues {
				return fmt.Errorf("the copies are %v and %v", made, config)
			}
			return nil
		})
	}
	holds("a")
	source.Data = data("password", "b")
	_, err = cli.core.CoreV1().Secrets(workspace).Update(t.Context(), source, metav1.UpdateOptions{})
	require.NoError(t, err)
	holds("b")
	require.NoError(t, cli.fleet.FleetV1alpha1().Clusters(workspace).Delete(t.Context(), "one", metav1.DeleteOptions{}))
	cli.disappears(namespace, "login")
	poll.Eventually(t, patience, func(ctx context.Context) error {
		left, err := cli.core.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("%s still holds something", left.Name))
	})
	_, err = cli.core.CoreV1().Secrets(workspace).Get(t.Context(), "login", metav1.GetOptions{})
	require.NoError(t, err)
}
