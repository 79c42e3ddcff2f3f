// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

func TestTheAuditLogNamesTheUserOfTheAggregationLayer(t *testing.T) {
	t.Parallel()
	control.MakeNamespace(t, "audited")
	p := editor(t, "audited")
	p.types(t, manifest("Bundle", "a", ""), "create", "-f", "-")
	require.Contains(t, p.isRefused(t, "delete", "cluster", "a"), "Forbidden")

	type event struct {
		Verb           string
		User           struct{ Username string }
		ObjectRef      struct{ Resource, Namespace, Name string }
		ResponseStatus struct{ Code int }
	}
	waitFor(t, "a replica has logged both requests", func() bool {
		created, refused := false, false
		for _, r := range muster.Replicas() {
			for line := range strings.Lines(r.Process.Log()) {
				var e event
				if !strings.HasPrefix(line, `{"kind":"Event"`) || json.Unmarshal([]byte(line), &e) != nil || e.User.Username != "editor-of-audited" {
					continue
				}
				created = created || e.Verb == "create" && e.ObjectRef.Resource == "bundles" && e.ResponseStatus.Code == http.StatusCreated
				refused = refused || e.Verb == "delete" && e.ObjectRef.Resource == "clusters" && e.ResponseStatus.Code == http.StatusForbidden
			}
		}
		// kube-apiserver authorizes first, so it logs its own refusals.
		return created && !refused
	})
}

// kube-apiserver has its own flow control, with the same headers, so these requests go
// directly to a replica.
func TestFlowSchemasOfTheClusterRuleMuster(t *testing.T) {
	t.Parallel()
	p := administrator(t)
	p.applies(t, `
apiVersion: flowcontrol.apiserver.k8s.io/v1
kind: FlowSchema
metadata: {name: test-crowd}
spec:
  matchingPrecedence: 500
  priorityLevelConfiguration: {name: workload-low}
  rules:
  - subjects: [{kind: Group, group: {name: crowd}}]
    resourceRules: [{apiGroups: [fleet.cattle.io], resources: ["*"], verbs: ["*"], namespaces: ["*"], clusterScope: true}]
`)
	schemas := control.Client.FlowcontrolV1().FlowSchemas()
	schema, err := schemas.Get(t.Context(), "test-crowd", metav1.GetOptions{})
	require.NoError(t, err)
	level, err := control.Client.FlowcontrolV1().PriorityLevelConfigurations().Get(t.Context(), "workload-low", metav1.GetOptions{})
	require.NoError(t, err)
	of := func(config *rest.Config, header string) string {
		client, err := rest.HTTPClientFor(config)
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+"/apis/fleet.cattle.io/v1alpha1/namespaces/"+p.namespace+"/bundles", nil)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		require.NoError(t, err)
		return response.Header.Get(header)
	}
	for _, r := range muster.Replicas() {
		crowd := r.Direct(control.As("somebody", "crowd"))
		waitFor(t, r.Name+" has the FlowSchema", func() bool {
			return of(crowd, flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID) == string(schema.UID)
		})
		require.Equal(t, string(level.UID), of(crowd, flowcontrolv1.ResponseHeaderMatchedPriorityLevelConfigurationUID))
		other := of(r.Direct(control.As("somebody")), flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID)
		require.NotEmpty(t, other)
		require.NotEqual(t, string(schema.UID), other)
	}
}
