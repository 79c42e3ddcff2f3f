// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheServerAcceptsEveryKustomization(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                  string
		resources, components []string
	}{
		{"the server", []string{"server"}, nil},
		{"the APIService", []string{"apiservice"}, nil},
		{"cert-manager", []string{"server"}, []string{"cert-manager"}},
		{"cert-manager's CA", []string{"apiservice"}, []string{"cert-manager-ca"}},
		{"network-policy", []string{"server"}, []string{"network-policy"}},
		{"service-monitor", []string{"server"}, []string{"service-monitor"}},
		{"fleet-metrics", []string{"server"}, []string{"fleet-metrics"}},
		{"prometheus-rule", []string{"server"}, []string{"prometheus-rule"}},
		{"aggregate-roles", []string{"server"}, []string{"aggregate-roles"}},
		{"controller", []string{"server"}, []string{"controller"}},
		{"fleet-controllers", []string{"server"}, []string{"fleet-controllers"}},
		{"agents-by-fleet", []string{"server"}, []string{"controller", "fleet-controllers", "agents-by-fleet"}},
		{"all of it", []string{"server", "apiservice"}, []string{"aggregate-roles", "cert-manager", "cert-manager-ca", "controller", "fleet-metrics", "network-policy", "prometheus-rule", "service-monitor"}},
		{"the example", []string{"example/server"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requireTaken(t, kustomize(t, kustomization(t, c.resources, c.components)))
		})
	}
	t.Run("the example with a CA", func(t *testing.T) {
		t.Parallel()
		dir := cloned(t, "example")
		// kube-apiserver parses this certificate.
		require.NoError(t, os.WriteFile(filepath.Join(dir, "example", "apiservice", "ca.crt"), control.CA.PEM, 0o600))
		requireTaken(t, kustomize(t, filepath.Join(dir, "example", "apiservice")))
	})
}

func TestTheServerAcceptsTheObjectsOfTheChart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, values string }{
		{"the least", minimal},
		{"a certificate of ours", "etcd: {servers: ['https://a:1']}\ntls: {caBundle: \"" + strings.ReplaceAll(string(control.CA.PEM), "\n", "\\n") + "\"}"},
		{"an issuer of ours, an etcd without TLS", "etcd: {servers: ['http://a:1'], secretName: ''}\ntls: {certManager: {enabled: true, issuerRef: {kind: ClusterIssuer, name: ours}}}"},
		{"without everything optional", "etcd: {servers: ['https://a:1']}\napiService: {create: false}\npodDisruptionBudget: {enabled: false}\ntopologySpread: {enabled: false}\nflowSchema: {enabled: false}\nrbac: {aggregate: false}\nresources: null\ncontroller: {enabled: false}\n"},
		{"everything", everything + `
networkPolicy: {enabled: true, from: [{ipBlock: {cidr: 10.0.0.0/8}}], extraEgress: [{to: [{namespaceSelector: {}}], ports: [{port: 9443}]}]}
serviceMonitor: {enabled: true, interval: 15s, labels: {release: prometheus}, fleetMetrics: {enabled: true, honorLabels: true, interval: 1m}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
flowSchema: {priorityLevel: global-default, matchingPrecedence: 700}
rbac: {extraRules: [{apiGroups: [example.org], resources: [limits], verbs: [get, list, watch]}]}
serviceAccount: {annotations: {a: b}}
podDisruptionBudget: {maxUnavailable: 34%}
topologySpread: {whenUnsatisfiable: DoNotSchedule}
nodeSelector: {kubernetes.io/arch: amd64}
tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists, effect: NoSchedule}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
priorityClassName: system-cluster-critical
podLabels: {a: b}
podAnnotations: {c: d}
image: {digests: {controller: 'sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'}, pullSecrets: [{name: s}]}
extraArgs: [--profiling, --v=4]
replicas: 5
` + everythingOfFleet},
		{"agents by Fleet, whose chart remains", minimal + "agents: {managedBy: fleet}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requireTaken(t, chart(t, c.values))
		})
	}
}

// requireTaken applies manifests in a dry run. A warning, such as of Pod Security, an
// unknown field or an old version, is as bad as a refusal.
func requireTaken(t *testing.T, text string) {
	t.Helper()
	kubectl := control.Terminal(t, nil)
	kubectl.Stdin = text
	stdout, stderr, err := kubectl.Kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")
	require.NoError(t, err)
	assert.Empty(t, stderr, "kube-apiserver warns")
	assert.Equal(t, len(parse(t, text)), strings.Count(stdout, "serverside-applied (server dry run)"), "%s", stdout)
}
