// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// All writes of this file go through kube-apiserver, which passes them on without
// admission: a refusal comes from Muster.

func TestNothingIsCreatedInANamespaceThatDoesNotExist(t *testing.T) {
	t.Parallel()
	p := at(t, nil, "no-such-namespace")
	require.Contains(t, p.typesAndIsRefused(t, manifest("Bundle", "a", ""), "create", "-f", "-"), `namespaces "no-such-namespace" not found`)
}

// policed returns a person in a new namespace that the policies of a test select, and a
// selector of that namespace.
func policed(t *testing.T) (person, string) {
	t.Helper()
	p := administrator(t)
	return p, fmt.Sprintf("{matchLabels: {kubernetes.io/metadata.name: %s}}", p.namespace)
}

// applies creates cluster-scoped objects, and removes them at the end, because they affect
// what other tests write.
func (p person) applies(t *testing.T, objects string) {
	t.Helper()
	p.types(t, objects, "create", "-f", "-")
	t.Cleanup(func() {
		p.Stdin = objects
		_, _, err := p.Kubectl("delete", "--wait=false", "-f", "-")
		require.NoError(t, err)
	})
}

// isRefusedEverywhere waits until every replica refuses an object, and returns the message.
// Replicas learn of policies and webhooks through watches.
func (p person) isRefusedEverywhere(t *testing.T, object string) (refusal string) {
	t.Helper()
	p.Stdin = object
	waitFor(t, "every replica refuses it", func() bool {
		for range 5 {
			_, stderr, err := p.Kubectl(p.in([]string{"create", "--dry-run=server", "-f", "-"})...)
			if refusal = stderr; err == nil {
				return false
			}
		}
		return true
	})
	return refusal
}

func TestAValidatingAdmissionPolicyRefusesWithItsMessage(t *testing.T) {
	t.Parallel()
	p, namespace := policed(t)
	name := p.namespace + ".example.com"
	p.applies(t, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {apiGroups: [fleet.cattle.io], apiVersions: [v1alpha1], operations: [CREATE, UPDATE], resources: [bundles, bundledeployments/status]}
  validations:
  - expression: "object.kind != 'Bundle' || !has(object.spec.defaultNamespace) || object.spec.defaultNamespace != 'kube-system'"
    message: nothing may be deployed into kube-system
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, validationActions: [Deny], matchResources: {namespaceSelector: %[2]s}}
`, name, namespace))
	bad := manifest("Bundle", "bad", `"spec": {"defaultNamespace": "kube-system"}`)
	refusal := p.isRefusedEverywhere(t, bad)
	require.Contains(t, refusal, "nothing may be deployed into kube-system")
	require.Contains(t, refusal, name)
	p.types(t, manifest("Bundle", "good", `"spec": {"defaultNamespace": "web"}`), "create", "-f", "-")
	require.Contains(t, p.isRefused(t, "patch", "bundle", "good", "--type=merge", "-p", `{"spec":{"defaultNamespace":"kube-system"}}`), "nothing may be deployed into kube-system")
	require.Equal(t, "web", p.does(t, "get", "bundle", "good", "-o", "jsonpath={.spec.defaultNamespace}"))
	other, agent := deployed(t)
	other.types(t, bad, "create", "-f", "-")
	agent.does(t, "patch", "bundledeployment", "app", "--subresource=status", "--type=merge", "-p", report(t, agent))

	// A policy that selects by namespace reads the Namespace. An agent's ServiceAccount is
	// in one; if it does not exist, such policies refuse the agent's reports.
	other.types(t, manifest("Cluster", "two", ""), "create", "-f", "-")
	other.does(t, "label", "cluster", "two", "env=test")
	agent.namespace = other.does(t, "get", "cluster", "two", "-o", "jsonpath={.status.namespace}")
	patch := []string{"patch", "bundledeployment", "app", "--subresource=status", "--type=merge", "-p", report(t, agent)}
	require.Contains(t, agent.isRefused(t, patch...), `namespaces "`+agent.namespace+`" not found`)
	agent.does(t, "create", "namespace", agent.namespace)
	waitFor(t, "Muster has seen the Namespace", func() bool {
		_, _, err := agent.Kubectl(agent.in(patch)...)
		return err == nil
	})
}

func TestAMutatingAdmissionPolicyChangesWrites(t *testing.T) {
	t.Parallel()
	p, namespace := policed(t)
	name := p.namespace + ".example.com"
	p.applies(t, fmt.Sprintf(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: %[1]s}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    resourceRules:
    - {apiGroups: [fleet.cattle.io], apiVersions: [v1alpha1], operations: [CREATE], resources: [bundles]}
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: "Object{metadata: Object.metadata{labels: {'owner': 'nobody'}}, spec: Object.spec{defaultNamespace: 'given'}}"
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: %[1]s}
spec: {policyName: %[1]s, matchResources: {namespaceSelector: %[2]s}}
`, name, namespace))
	waitFor(t, "the policy changes a Bundle", func() bool {
		p.Stdin = manifest("Bundle", "a", "")
		out, _, err := p.Kubectl(p.in([]string{"create", "--dry-run=server", "-f", "-", "-o", "jsonpath={.spec.defaultNamespace} {.metadata.labels.owner}"})...)
		return err == nil && out == "given nobody"
	})
}

// hook is a webhook server that refuses what its test says, and records the users.
type hook struct {
	*httptest.Server
	ca *cluster.CA
	mu struct {
		sync.Mutex
		seen []string
	}
}

func newHook(t *testing.T, refuse func(*admissionv1.AdmissionRequest) string) *hook {
	t.Helper()
	h := &hook{ca: cluster.NewCA("webhook")}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		h.mu.Lock()
		h.mu.seen = append(h.mu.seen, fmt.Sprintf("%s %s/%s by %s", review.Request.Operation, review.Request.Resource.Resource, review.Request.SubResource, review.Request.UserInfo.Username))
		h.mu.Unlock()
		message := refuse(review.Request)
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: message == "", Result: &metav1.Status{Message: message}}
		_ = json.NewEncoder(w).Encode(review) // Muster may have disconnected
	}))
	h.TLS = &tls.Config{Certificates: []tls.Certificate{h.ca.Serving("webhook").TLS()}, MinVersion: tls.VersionTLS12}
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func (h *hook) saw(what string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.mu.seen, what)
}

func TestAValidatingWebhookIsAskedAboutObjectsAndReports(t *testing.T) {
	t.Parallel()
	p, agent := deployed(t)
	h := newHook(t, func(r *admissionv1.AdmissionRequest) string {
		switch {
		case r.Resource.Resource == "bundles" && strings.HasPrefix(r.Name, "bad"):
			return "no bad Bundles"
		case r.SubResource == "status" && strings.Contains(string(r.Object.Raw), `"release":"forbidden"`):
			return "no such release"
		}
		return ""
	})
	made, err := control.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name:         "bundles.example.com",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: new(strings.Replace(h.URL, "127.0.0.1", "localhost", 1) + "/validate"), CABundle: h.ca.PEM},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"fleet.cattle.io"}, APIVersions: []string{"v1alpha1"}, Resources: []string{"bundles", "bundledeployments/status"}},
			}},
			MatchConditions:         []admissionregistrationv1.MatchCondition{{Name: "mine", Expression: fmt.Sprintf("request.namespace in ['%s', '%s']", p.namespace, agent.namespace)}},
			FailurePolicy:           new(admissionregistrationv1.Fail),
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _, err := p.Kubectl("delete", "validatingwebhookconfiguration", made.Name)
		require.NoError(t, err)
	})
	refusal := p.isRefusedEverywhere(t, manifest("Bundle", "bad", ""))
	require.Contains(t, refusal, `admission webhook "bundles.example.com" denied the request: no bad Bundles`)
	require.True(t, h.saw("CREATE bundles/ by admin"))

	p.types(t, manifest("Bundle", "good", ""), "create", "-f", "-")
	require.Contains(t, agent.isRefused(t, "patch", "bundledeployment", "app", "--subresource=status", "--type=merge", "-p", `{"status":{"release":"forbidden"}}`), "no such release")
	agent.does(t, "patch", "bundledeployment", "app", "--subresource=status", "--type=merge", "-p", report(t, agent))
	require.True(t, h.saw("UPDATE bundledeployments/status by admin"))
	p.does(t, "delete", "bundle", "good")
	require.True(t, h.saw("DELETE bundles/ by admin"))
}
