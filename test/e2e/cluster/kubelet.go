// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/poll"
)

func portOf(address string) string {
	_, port, err := net.SplitHostPort(address)
	check(err)
	return port
}

// startKubelet serves what kube-apiserver asks of a kubelet for "kubectl logs", and returns
// its port.
func (n *Node) startKubelet(t T) int32 {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		parts := strings.Split(strings.Trim(req.URL.Path, "/"), "/") // containerLogs/NAMESPACE/POD/CONTAINER
		for _, p := range n.all() {
			if len(parts) == 4 && parts[0] == "containerLogs" && parts[2] == p.name {
				fmt.Fprint(w, p.process.Log())
				return
			}
		}
		http.NotFound(w, req)
	}))
	t.Cleanup(server.Close)
	port, err := strconv.ParseInt(portOf(server.Listener.Addr().String()), 10, 32)
	check(err)
	return int32(port)
}

// route makes every Service and APIService of Muster lead to the Balancer, at the write that
// brings it: a change afterwards would take the fields from the tool that applies them.
func (n *Node) route(t T) {
	t.Helper()
	ctx, admission := t.Context(), n.control.Client.AdmissionregistrationV1()
	policies := map[string]string{
		"services": `object.metadata.name == "` + ServerName + `" ? [JSONPatch{op: "replace", path: "/spec/type", value: "ExternalName"}, JSONPatch{op: "add", path: "/spec/externalName", value: "localhost"}] : []`,
		"apiservices": fmt.Sprintf(`has(object.spec.service) && object.metadata.name == %q ? [JSONPatch{op: "add", path: "/spec/service/port", value: %d}] : []`,
			APIServiceName, n.Balancer.Port()),
	}
	for resource, expression := range policies {
		name := nodeName + "-" + resource
		rule := admissionv1.NamedRuleWithOperations{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
			Rule:       admissionv1.Rule{APIGroups: []string{"", apiServices.Group}, APIVersions: []string{"v1"}, Resources: []string{resource}},
		}}
		_, err := admission.MutatingAdmissionPolicies().Create(ctx, &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints:   &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{rule}},
			FailurePolicy:      new(admissionv1.Fail),
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations:          []admissionv1.Mutation{{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: expression}}},
		}}, metav1.CreateOptions{})
		require.NoError(t, err)
		_, err = admission.MutatingAdmissionPolicyBindings().Create(ctx, &admissionv1.MutatingAdmissionPolicyBinding{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
		}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	probe := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: ServerName}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}}}
	require.NoError(t, poll.Until(ctx, controlPlaneReady, func(ctx context.Context) error {
		made, err := n.control.Client.CoreV1().Services(metav1.NamespaceDefault).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && made.Spec.Type != corev1.ServiceTypeExternalName {
			err = errors.New("the policy is not in force yet")
		}
		return err
	}))
}
