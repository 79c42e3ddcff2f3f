// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/test/poll"
)

// Names that the manifests give.
const (
	Namespace      = "muster-system"
	ServerName     = "muster-apiserver"
	ControllerName = "muster-controller"
	APIServiceName = "v1alpha1.fleet.cattle.io"
	tlsSecret      = "muster-apiserver-tls"
	etcdSecret     = "muster-etcd-client"
)

var apiServices = schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}

// musterReady bounds the time until replicas are ready, and until the APIService is
// available.
const musterReady = 90 * time.Second

// Options holds what an operator may change in an installation.
type Options struct {
	// Replicas replaces the manifest's number, unless it is 0.
	Replicas int
	// Args are added to each replica's arguments, or replace those with the same name.
	Args []string
	// Components are names of folders in artifacts/kustomize/components.
	Components []string
	// Patches are more patches for the server's kustomization, in kustomize's form.
	Patches []map[string]any
	// Secrets are created in Muster's namespace before the rest is applied.
	Secrets map[string]map[string][]byte
	// Deploy replaces kustomize, for example by Helm. It creates the namespace and the
	// Secrets (Muster.Secrets), and removes what it created in a t.Cleanup of its own.
	Deploy func(t T, m *Muster)
	// Program replaces muster-apiserver of this checkout, for example by that of an image.
	Program string
	// Straight leads replicas to etcd without proxies, which then cannot be cut: for
	// measurements, since a proxy is one more hop.
	Straight bool
	// ServerOnly leaves out the wait for ready replicas and the second step: see WaitReady
	// and Register.
	ServerOnly bool
}

// Muster is an installation in a control plane. As an Endpoint it is its Service, without
// the aggregation layer.
type Muster struct {
	Endpoint
	// CA signs the certificate of the Service.
	CA *CA
	// Balancer plays the Service.
	Balancer *Balancer

	// owner owns the installation, which several tests may share.
	owner   T
	control *ControlPlane
	etcd    *Etcd
	options Options
	binary  string
	dir     string
	pod     *pod
	mu      struct {
		sync.Mutex
		replicas []*Replica
		named    int
	}
}

// Install does what an operator does: it installs the server, waits for its replicas, and
// then adds the APIService. A control plane has one installation at a time; it is removed
// with t.
func Install(t T, c *ControlPlane, etcd *Etcd, options Options) *Muster {
	t.Helper()
	m := &Muster{owner: t, control: c, etcd: etcd, options: options, binary: options.Program, CA: NewCA("muster"), dir: Folder(t, "muster"), Balancer: NewBalancer(t)}
	if m.binary == "" {
		m.binary = Built(t, ServerName)
	}
	m.Endpoint = Endpoint{URL: "https://" + m.Balancer.Address, ca: m.CA.PEM}
	t.Cleanup(func() { m.end(t) })

	if options.Deploy == nil {
		m.apply(t, m.serverOverlay(t))
	} else {
		options.Deploy(t, m)
	}
	// The Service leads kube-apiserver to the Balancer on this machine.
	_, _, err := c.Kubectl("patch", "service", "-n", Namespace, ServerName, "-p", `{"spec":{"type":"ExternalName","externalName":"localhost"}}`)
	require.NoError(t, err)
	m.pod, err = c.readPod(t.Context(), ServerName)
	require.NoError(t, err)
	for range m.pod.replicas {
		m.Add(t)
	}
	if !options.ServerOnly {
		m.WaitReady(t)
		m.Register(t)
		m.WaitAvailable(t)
	}
	return m
}

// Register is the second step of an installation: the APIService.
func (m *Muster) Register(t T) {
	t.Helper()
	m.apply(t, m.apiServiceOverlay(t))
}

// Unregister undoes Register.
func (m *Muster) Unregister(t T) {
	t.Helper()
	_, _, err := m.control.Kubectl("delete", "--ignore-not-found", "apiservice", APIServiceName)
	require.NoError(t, err)
}

// apply applies a folder with a kustomization.
func (m *Muster) apply(t T, folder string) {
	t.Helper()
	_, _, err := m.control.Kubectl("apply", "-k", folder)
	require.NoError(t, err)
}

// Secrets returns the Secrets that the Deployment mounts, by name: the certificate of the
// Service and the certificate of etcd's client.
func (m *Muster) Secrets(t T) map[string]map[string][]byte {
	t.Helper()
	serving := m.ServingCertificate()
	secrets := map[string]map[string][]byte{
		tlsSecret:  {"tls.crt": serving.Certificate, "tls.key": serving.Key, "ca.crt": m.CA.PEM},
		etcdSecret: {"tls.crt": read(t, m.etcd.CertFile), "tls.key": read(t, m.etcd.KeyFile), "ca.crt": m.etcd.CA.PEM},
	}
	maps.Copy(secrets, m.options.Secrets)
	return secrets
}

// ServingCertificate returns a new certificate of the Service.
func (m *Muster) ServingCertificate() KeyPair {
	return m.CA.Serving(ServerName, ServerName+"."+Namespace, ServerName+"."+Namespace+".svc")
}

// serverOverlay writes the overlay that an operator would write to install the server.
func (m *Muster) serverOverlay(t T) string {
	t.Helper()
	folder := filepath.Join(m.dir, "server")
	var generators []any
	for name, data := range m.Secrets(t) {
		var files []string
		for key, content := range data {
			write(t, filepath.Join(folder, name), key, content)
			files = append(files, filepath.Join(name, key))
		}
		slices.Sort(files)
		generators = append(generators, map[string]any{"name": name, "namespace": Namespace, "files": files})
	}
	overlay := map[string]any{
		"resources":        []string{relative(t, folder, "server")},
		"secretGenerator":  generators,
		"generatorOptions": map[string]any{"disableNameSuffixHash": true},
	}
	if len(m.options.Patches) > 0 {
		overlay["patches"] = m.options.Patches
	}
	components := []string{}
	for _, name := range m.options.Components {
		components = append(components, relative(t, folder, filepath.Join("components", name)))
	}
	overlay["components"] = components
	if m.options.Replicas > 0 {
		overlay["replicas"] = []any{map[string]any{"name": ServerName, "count": m.options.Replicas}}
	}
	kustomization(t, folder, overlay)
	return folder
}

func (m *Muster) apiServiceOverlay(t T) string {
	t.Helper()
	folder := filepath.Join(m.dir, "apiservice")
	kustomization(t, folder, map[string]any{
		"resources": []string{relative(t, folder, "apiservice")},
		"patches": []map[string]any{patch("APIService", APIServiceName,
			operation("add", "/spec/caBundle", base64.StdEncoding.EncodeToString(m.CA.PEM)),
			operation("add", "/spec/service/port", m.Balancer.Port()))},
	})
	return folder
}

// WaitReady waits until all replicas are ready.
func (m *Muster) WaitReady(t T) {
	t.Helper()
	for _, r := range m.Replicas() {
		r.WaitReady(t)
	}
}

// WaitAvailable waits until kube-apiserver calls the APIService available.
func (m *Muster) WaitAvailable(t T) {
	t.Helper()
	err := poll.Until(t.Context(), musterReady, func(ctx context.Context) error {
		status, message, err := m.Available(ctx)
		if err == nil && status != string(metav1.ConditionTrue) {
			err = errors.New(message)
		}
		return err
	})
	require.NoError(t, err, "the APIService is not available; %s\nkube-apiserver: %s", m.tails(), m.control.APIServer.Tail())
}

// Available returns the condition of the APIService, "True", "False" or "", and its
// message.
func (m *Muster) Available(ctx context.Context) (status, message string, err error) {
	client, err := dynamic.NewForConfig(m.control.Config)
	if err != nil {
		return "", "", err
	}
	object, err := client.Resource(apiServices).Get(ctx, APIServiceName, metav1.GetOptions{})
	if err != nil {
		return "", "", err
	}
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		return "", "", err
	}
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == "Available" {
			return fmt.Sprint(condition["status"]), fmt.Sprintf("%v: %v", condition["reason"], condition["message"]), nil
		}
	}
	return "", "kube-apiserver has not checked the APIService yet", nil
}

// end stops the replicas and removes the installation from a control plane that continues.
func (m *Muster) end(t T) {
	for _, r := range m.Replicas() {
		if t.Failed() {
			t.Logf("%s: %s", r.Name, r.Process.Tail())
		}
		r.Process.Kill()
	}
	if t == m.control.owner {
		return // the control plane ends too
	}
	terminal := m.control.admin
	terminal.Limit = 2 * time.Minute
	for _, step := range []string{"apiservice", "server"} {
		folder := filepath.Join(m.dir, step)
		if _, err := os.Stat(folder); err != nil {
			continue // it was not applied
		}
		if _, _, err := terminal.Kubectl("delete", "-k", folder, "--ignore-not-found", "--timeout=100s"); err != nil {
			t.Errorf("Muster remains in the control plane: %v", err)
		}
	}
}

func (m *Muster) tails() string {
	text := ""
	for _, r := range m.Replicas() {
		text += fmt.Sprintf("%s: %s\n", r.Name, r.Process.Tail())
	}
	return text
}

// relative returns the relative path from a folder to one of artifacts/kustomize, which
// kustomize requires.
func relative(t T, from, to string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(from, 0o700))
	root, err := filepath.EvalSymlinks(Checkout(t))
	require.NoError(t, err)
	path, err := filepath.Rel(from, filepath.Join(root, "artifacts", "kustomize", to))
	require.NoError(t, err)
	return path
}

func kustomization(t T, folder string, content map[string]any) {
	t.Helper()
	content["apiVersion"], content["kind"] = "kustomize.config.k8s.io/v1beta1", "Kustomization"
	text, err := yaml.Marshal(content)
	require.NoError(t, err)
	write(t, folder, "kustomization.yaml", text)
}

func patch(kind, name string, operations ...map[string]any) map[string]any {
	text, err := yaml.Marshal(operations)
	check(err)
	return map[string]any{"target": map[string]any{"kind": kind, "name": name}, "patch": string(text)}
}

func operation(op, path string, value any) map[string]any {
	return map[string]any{"op": op, "path": path, "value": value}
}

func read(t T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}
