// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheChartRefusesInvalidValuesAndNamesTheField(t *testing.T) {
	t.Parallel()
	const etcd = "etcd: {servers: ['https://a:2379']}\n"
	for _, c := range []struct {
		name, values string
		says         []string
	}{
		{"no values at all", "", []string{"etcd.servers is empty", "--set"}},
		{"no certificate", etcd, []string{"tls.caBundle is empty", "tls.certManager.enabled=true"}},
		{"a CA that is a path", etcd + "tls: {caBundle: ca.crt}", []string{"tls.caBundle is not PEM"}},
		{"an issuer, but no cert-manager", etcd + "tls: {caBundle: BEGIN CERTIFICATE, certManager: {issuerRef: {name: x}}}", []string{"tls.certManager.issuerRef", "tls.certManager.enabled is false"}},
		{"Fleet's metrics without a service monitor", etcd + "tls: {certManager: {enabled: true}}\nserviceMonitor: {fleetMetrics: {enabled: true}}", []string{"serviceMonitor.fleetMetrics.enabled", "serviceMonitor.enabled"}},
		{"Fleet's metrics without a controller", etcd + "tls: {certManager: {enabled: true}}\nserviceMonitor: {enabled: true, fleetMetrics: {enabled: true}}\ncontroller: {enabled: false}", []string{"serviceMonitor.fleetMetrics.enabled", "controller.enabled"}},
		{"an issuer without a name", etcd + "tls: {certManager: {enabled: true, issuerRef: {kind: ClusterIssuer}}}", []string{"/tls/certManager/issuerRef", "name"}},
		{"a client certificate for an etcd without TLS", "etcd: {servers: ['http://a:2379']}\ntls: {certManager: {enabled: true}}", []string{"http://a:2379", "etcd.secretName"}},
		{"an etcd without a scheme", "etcd: {servers: ['a:2379']}", []string{"/etcd/servers/0"}},
		{"an etcd with a path", "etcd: {servers: ['https://a:2379/x']}", []string{"/etcd/servers/0"}},
		{"all members in one string", "etcd: {servers: ['https://a:2379,https://b:2379']}", []string{"/etcd/servers/0"}},
		{"members that are not a list", "etcd: {servers: 'https://a:2379'}", []string{"/etcd/servers", "want array"}},
		{"a prefix without its slash", "etcd: {prefix: muster}", []string{"/etcd/prefix"}},
		{"a prefix that ends with a slash", "etcd: {prefix: /muster/}", []string{"/etcd/prefix"}},
		{"an interval without a unit", "etcd: {compactionInterval: '5'}", []string{"/etcd/compactionInterval"}},
		{"no replicas", "replicas: 0", []string{"/replicas", "minimum"}},
		{"half a replica", "replicas: 1.5", []string{"/replicas", "integer"}},
		{"a misspelled field", "replica: 3", []string{"replica", "not allowed"}},
		{"a misspelled field further down", "image: {tagg: x}", []string{"/image", "tagg"}},
		{"a tag with a colon", "image: {tag: 'a:b'}", []string{"/image/tag"}},
		{"a digest that is invalid", "image: {digests: {controller: latest}}", []string{"/image/digests/controller"}},
		{"a registry with a slash at its end", "image: {registry: r/}", []string{"/image/registry"}},
		{"the image of both programs, as before", "image: {repository: r/m}", []string{"/image", "repository"}},
		{"a pull policy that does not exist", "image: {pullPolicy: Sometimes}", []string{"/image/pullPolicy"}},
		{"a pull secret as text", "image: {pullSecrets: [x]}", []string{"/image/pullSecrets/0"}},
		{"a Secret that cannot exist", "tls: {secretName: Muster_TLS}", []string{"/tls/secretName"}},
		{"no Secret for the serving certificate", "tls: {secretName: ''}", []string{"/tls/secretName"}},
		{"a Secret that is an object", "encryption: {secretName: {name: x}}", []string{"/encryption/secretName"}},
		{"a ConfigMap that cannot exist", "audit: {configMapName: '-x'}", []string{"/audit/configMapName"}},
		{"an admission configuration inline", "admission: {configMapName: {a: b}}", []string{"/admission/configMapName"}},
		{"a flag without dashes", "extraArgs: [v=4]", []string{"/extraArgs/0"}},
		{"flags in one string", "extraArgs: --v=4", []string{"/extraArgs"}},
		{"a quantity that is invalid", "resources: {requests: {memory: 512MB}}", []string{"/resources/requests/memory"}},
		{"no replicas of the controller", "controller: {replicas: 0}", []string{"/controller/replicas", "minimum"}},
		{"a flag of the controller without dashes", "controller: {extraArgs: [v=4]}", []string{"/controller/extraArgs/0"}},
		{"a cluster inventory that is a word", "inventory: {clusterProfiles: {enabled: please}}", []string{"/inventory/clusterProfiles/enabled"}},
		{"agents that reach kube-apiserver without TLS", "agents: {apiServerURL: 'http://kube:8080'}", []string{"/agents/apiServerURL"}},
		{"a CA of agents inline", "agents: {caConfigMapName: BEGIN CERTIFICATE}", []string{"/agents/caConfigMapName"}},
		{"a namespace of agents that cannot exist", "agents: {systemNamespace: Fleet}", []string{"/agents/systemNamespace"}},
		{"a manager of agents that does not exist", "agents: {managedBy: rancher}", []string{"/agents/managedBy"}},
		{"Fleet's programs without a version", "fleetControllers: {image: {tag: ''}}", []string{"/fleetControllers/image/tag"}},
		{"an image of Fleet's with its tag in the repository", "fleetControllers: {image: {repository: 'rancher/fleet:v1'}}", []string{"/fleetControllers/image/repository"}},
		{"a program of Fleet's that must not run", "fleetControllers: {cleanup: {enabled: true}}", []string{"/fleetControllers", "cleanup"}},
		{"a period without a unit", "fleetControllers: {gitops: {syncPeriod: '2'}}", []string{"/fleetControllers/gitops/syncPeriod"}},
		{"no workers", "fleetControllers: {helmops: {workers: 0}}", []string{"/fleetControllers/helmops/workers", "minimum"}},
		{"a CA of kube-apiserver that is a path", "fleetControllers: {agentmanagement: {apiServerCA: ca.crt}}", []string{"/fleetControllers/agentmanagement/apiServerCA"}},
		{"a known host without a key", "fleetControllers: {additionalKnownHosts: [git.example.com]}", []string{"/fleetControllers/additionalKnownHosts/0"}},
		{"a proxy without a scheme", "fleetControllers: {proxy: 'proxy:3128'}", []string{"/fleetControllers/proxy"}},
		{"a budget that allows no disruption", "podDisruptionBudget: {maxUnavailable: 0}", []string{"/podDisruptionBudget/maxUnavailable"}},
		{"a spread that does not exist", "topologySpread: {whenUnsatisfiable: Maybe}", []string{"/topologySpread/whenUnsatisfiable"}},
		{"peers that are addresses", "networkPolicy: {from: [10.0.0.0/8]}", []string{"/networkPolicy/from/0"}},
		{"a scrape interval without a unit", "serviceMonitor: {interval: '30'}", []string{"/serviceMonitor/interval"}},
		{"an interval of Fleet's metrics without a unit", "serviceMonitor: {fleetMetrics: {interval: '30'}}", []string{"/serviceMonitor/fleetMetrics/interval"}},
		{"a label of the alerts that is a number", "prometheusRule: {labels: {a: 1}}", []string{"/prometheusRule/labels/a", "string"}},
		{"a precedence out of range", "flowSchema: {matchingPrecedence: 10001}", []string{"/flowSchema/matchingPrecedence"}},
		{"a right without verbs", "rbac: {extraRules: [{apiGroups: ['']}]}", []string{"/rbac/extraRules/0", "verbs"}},
		{"an answer that is not a boolean", "apiService: {create: 'no'}", []string{"/apiService/create", "boolean"}},
		{"a label that is a number", "podLabels: {a: 1}", []string{"/podLabels/a", "string"}},
		{"a node selector that is a list", "nodeSelector: [a]", []string{"/nodeSelector", "object"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, err := tryChart(t, c.values)
			require.Error(t, err, "%s", stdout)
			require.Empty(t, stdout, "something is rendered")
			for _, s := range c.says {
				require.Contains(t, stderr, s)
			}
		})
	}
}
