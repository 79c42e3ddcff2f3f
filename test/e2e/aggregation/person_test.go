// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	// soon bounds everything that is not slow by design, on a busy machine.
	soon = 30 * time.Second
	tick = 50 * time.Millisecond
)

// person uses kubectl in one namespace.
type person struct {
	cluster.Terminal
	namespace string
}

func at(t *testing.T, config *rest.Config, namespace string) person {
	t.Helper()
	return person{Terminal: control.Terminal(t, config), namespace: namespace}
}

// administrator returns a person with all rights, in a new namespace.
func administrator(t *testing.T) person {
	t.Helper()
	return at(t, nil, newNamespace(t))
}

// editor returns a person with the role muster-edit in a namespace and no other right.
func editor(t *testing.T, namespace string) person {
	t.Helper()
	user := "editor-of-" + namespace
	_, err := control.Client.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "muster-edit"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return at(t, control.As(user), namespace)
}

// newNamespace creates a namespace, which remains: the control plane ends with the package.
func newNamespace(t *testing.T) string {
	t.Helper()
	made, err := control.Client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "team-"},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	return made.Name
}

// does runs kubectl, which has to succeed, and returns its output.
func (p person) does(t *testing.T, args ...string) string {
	t.Helper()
	out, _, err := p.Kubectl(p.in(args)...)
	require.NoError(t, err)
	return out
}

// types is does with input for kubectl.
func (p person) types(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	p.Stdin = stdin
	return p.does(t, args...)
}

// isRefused runs kubectl, which has to fail, and returns the message.
func (p person) isRefused(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, err := p.Kubectl(p.in(args)...)
	require.Error(t, err, "kubectl %s printed: %s", strings.Join(args, " "), out)
	return stderr
}

// typesAndIsRefused is isRefused with input for kubectl.
func (p person) typesAndIsRefused(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	p.Stdin = stdin
	return p.isRefused(t, args...)
}

func (p person) in(args []string) []string {
	return append([]string{"--namespace=" + p.namespace}, args...)
}

func (p person) follows(t *testing.T, args ...string) *cluster.Process {
	t.Helper()
	return p.StartKubectl(t, p.in(args)...)
}

func resource(t *testing.T, config *rest.Config, plural string) dynamic.NamespaceableResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	return client.Resource(schema.GroupVersionResource{Group: "fleet.cattle.io", Version: "v1alpha1", Resource: plural})
}

// manifest returns an object of the group as YAML; body is the JSON after its metadata,
// such as `"spec": {}`.
func manifest(kind, name, body string) string {
	if body != "" {
		body = ", " + body
	}
	return fmt.Sprintf("{apiVersion: fleet.cattle.io/v1alpha1, kind: %s, metadata: {name: %s}%s}\n---\n", kind, name, body)
}

// bundleFor returns a Bundle for the Clusters with a label.
func bundleFor(name, label string) string {
	key, value, _ := strings.Cut(label, "=")
	return manifest("Bundle", name, fmt.Sprintf(`spec: {resources: [{name: a.yaml, content: "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}"}], `+
		`targets: [{clusterSelector: {matchLabels: {%s: %s}}}]}`, key, value))
}

// words returns the first words of each line.
func words(text string, n int) []string {
	out := []string{}
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		fields := strings.Fields(line)
		out = append(out, strings.Join(fields[:min(n, len(fields))], " "))
	}
	return out
}

// waitFor polls until is returns true; the failure shows what.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, soon, tick, what)
}
