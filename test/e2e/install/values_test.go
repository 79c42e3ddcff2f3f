// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

const pod = "spec.template.spec."

// change holds the value at a path of an object, as YAML. An index is an element of a list;
// "*" searches all elements.
type change struct{ object, path, is string }

func TestEachValueHasItsEffect(t *testing.T) {
	t.Parallel()
	const (
		args              = pod + "containers.0.args.*"
		certManager       = "etcd: {servers: ['https://a:2379']}\ntls: {certManager: {enabled: true}}\n"
		monitor           = "ServiceMonitor " + system + "/muster-apiserver"
		controllerMonitor = "ServiceMonitor " + system + "/muster-controller"
		fleetMonitor      = "ServiceMonitor " + system + "/muster-fleet-metrics"
		alerts            = "PrometheusRule " + system + "/muster"
		certificate       = "Certificate " + system + "/muster-apiserver"
		networkPolicy     = "NetworkPolicy " + system + "/muster-apiserver"
		budget            = "PodDisruptionBudget " + system + "/muster-apiserver"
		flowSchema        = "FlowSchema /muster-apiserver"
		apiService        = "APIService /v1alpha1.fleet.cattle.io"
		serviceAccount    = "ServiceAccount " + system + "/muster-apiserver"
	)
	requireEffects(t, certManager, []valueCase{
		{name: "replicas", values: "replicas: 5", changes: []change{{deployment, "spec.replicas", "5"}}},
		{name: "the images are the appVersion's", changes: []change{
			{deployment, pod + "containers.0.image", "ghcr.io/musterfleet/muster-apiserver:" + appVersion(t)},
			{controllerDeployment, pod + "containers.0.image", "ghcr.io/musterfleet/muster-controller:" + appVersion(t)},
		}},
		{name: "images of another registry", values: "image: {registry: r/m, tag: t, pullPolicy: Always, pullSecrets: [{name: s}]}", changes: []change{
			{deployment, pod + "containers.0.image", "r/m/muster-apiserver:t"},
			{deployment, pod + "containers.0.imagePullPolicy", "Always"},
			{deployment, pod + "imagePullSecrets", "[{name: s}]"},
			{controllerDeployment, pod + "containers.0.image", "r/m/muster-controller:t"},
			{controllerDeployment, pod + "containers.0.imagePullPolicy", "Always"},
			{controllerDeployment, pod + "imagePullSecrets", "[{name: s}]"},
		}},
		{name: "a digest takes precedence", values: "image: {tag: t, digests: {apiserver: '" + digestOf("a") + "', controller: '" + digestOf("b") + "'}}", changes: []change{
			{deployment, pod + "containers.0.image", "ghcr.io/musterfleet/muster-apiserver@" + digestOf("a")},
			{controllerDeployment, pod + "containers.0.image", "ghcr.io/musterfleet/muster-controller@" + digestOf("b")},
		}},
		{name: "a digest of one image only", values: "image: {tag: t, digests: {apiserver: '" + digestOf("a") + "'}}", changes: []change{
			{controllerDeployment, pod + "containers.0.image", "ghcr.io/musterfleet/muster-controller:t"},
		}},
		{name: "several etcd servers, another prefix, Secret and interval", values: "etcd: {servers: ['https://a:1', 'https://b:2'], prefix: /p, secretName: s, compactionInterval: 1h}", changes: []change{
			{deployment, args, "--etcd-servers=https://a:1,https://b:2"},
			{deployment, args, "--etcd-prefix=/p"},
			{deployment, args, "--etcd-compaction-interval=1h"},
			{deployment, pod + "volumes.1.secret.secretName", "s"},
		}},
		{name: "an etcd without TLS has no certificates", values: "etcd: {servers: ['http://a:1'], secretName: ''}", changes: []change{
			{deployment, args, "--etcd-servers=http://a:1"},
		}, not: []change{{deployment, args, "--etcd-cafile=/var/run/muster/etcd/ca.crt"}, {deployment, pod + "volumes.*.name", "etcd"}}},
		{name: "a certificate of ours", values: "tls: {secretName: s, certManager: {enabled: false}, caBundle: \"" + strings.ReplaceAll(caFile, "\n", "\\n") + "\"}", changes: []change{
			{deployment, pod + "volumes.0.secret.secretName", "s"},
			{apiService, "spec.caBundle", base64.StdEncoding.EncodeToString([]byte(caFile))},
		}, without: []string{certificate, "Issuer " + system + "/muster-ca"}, not: []change{{apiService, "metadata.annotations", "{cert-manager.io/inject-ca-from: " + system + "/muster-apiserver}"}}},
		{name: "cert-manager with a CA of the chart's", changes: []change{
			{apiService, "metadata.annotations", "{cert-manager.io/inject-ca-from: " + system + "/muster-apiserver}"},
			{certificate, "spec.dnsNames", "[muster-apiserver." + system + ".svc]"},
			{certificate, "spec.issuerRef.name", "muster-ca"},
		}, with: []string{"Issuer " + system + "/muster-ca", "Issuer " + system + "/muster-selfsigned", "Certificate " + system + "/muster-ca"}},
		{name: "cert-manager with an issuer of ours", values: "tls: {secretName: s, certManager: {enabled: true, issuerRef: {name: ours, kind: ClusterIssuer}}}", changes: []change{
			{certificate, "spec.issuerRef", "{group: cert-manager.io, kind: ClusterIssuer, name: ours}"},
			{certificate, "spec.secretName", "s"},
		}, without: []string{"Issuer " + system + "/muster-ca", "Issuer " + system + "/muster-selfsigned", "Certificate " + system + "/muster-ca"}},
		{name: "no APIService", values: "apiService: {create: false}", without: []string{apiService}, with: []string{deployment}},
		{name: "encryption", values: "encryption: {secretName: s}", changes: []change{
			{deployment, args, "--encryption-provider-config=/var/run/muster/encryption/config.yaml"},
			{deployment, pod + "volumes.2", "{name: encryption, secret: {secretName: s, defaultMode: 288}}"},
		}},
		{name: "audit", values: "audit: {configMapName: c}", changes: []change{
			{deployment, args, "--audit-policy-file=/var/run/muster/audit/policy.yaml"},
			{deployment, args, "--audit-log-path=-"},
			{deployment, pod + "volumes.2", "{name: audit, configMap: {name: c}}"},
		}},
		{name: "admission", values: "admission: {configMapName: c}", changes: []change{
			{deployment, args, "--admission-control-config-file=/var/run/muster/admission/config.yaml"},
			{deployment, pod + "volumes.2", "{name: admission, configMap: {name: c}}"},
		}},
		{name: "tracing", values: "tracing: {configMapName: c}", changes: []change{
			{deployment, args, "--tracing-config-file=/var/run/muster/tracing/config.yaml"},
			{deployment, pod + "volumes.2", "{name: tracing, configMap: {name: c}}"},
		}},
		{name: "more flags come last", values: "extraArgs: [--v=4]", changes: []change{{deployment, pod + "containers.0.args.11", "--v=4"}}},
		{name: "more controllers", values: "controller: {replicas: 3, extraArgs: [--v=4], resources: {requests: {cpu: 2}}}", changes: []change{
			{controllerDeployment, "spec.replicas", "3"},
			{controllerDeployment, args, "--v=4"},
			{controllerDeployment, pod + "containers.0.resources.requests", "{cpu: 2, memory: 512Mi}"},
		}, not: []change{{deployment, args, "--v=4"}}},
		{name: "no controller", values: "controller: {enabled: false}", without: []string{
			controllerDeployment, "ServiceAccount " + system + "/muster-controller", "ClusterRole /muster-controller", "ClusterRoleBinding /muster-controller",
			"ClusterRoleBinding /muster-controller:auth-delegator", "Role " + system + "/muster-controller", "RoleBinding " + system + "/muster-controller",
			"PodDisruptionBudget " + system + "/muster-controller",
		}, with: []string{deployment, "ClusterRole /fleet-content"}},
		{name: "a network policy without a controller", values: "controller: {enabled: false}\nnetworkPolicy: {enabled: true}", with: []string{networkPolicy}, without: []string{"NetworkPolicy " + system + "/muster-controller"}},
		{name: "the controller reads the same etcd", values: "etcd: {servers: ['https://a:1', 'https://b:2'], prefix: /p, secretName: s}\nencryption: {secretName: e}", changes: []change{
			{controllerDeployment, args, "--etcd-servers=https://a:1,https://b:2"},
			{controllerDeployment, args, "--etcd-prefix=/p"},
			{controllerDeployment, pod + "volumes.0.secret.secretName", "s"},
			{controllerDeployment, args, "--encryption-provider-config=/var/run/muster/encryption/config.yaml"},
			{controllerDeployment, pod + "volumes.1", "{name: encryption, secret: {secretName: e, defaultMode: 288}}"},
		}},
		{name: "agents trust the cluster's CA", changes: []change{
			{controllerDeployment, args, "--agent-api-server-ca-file=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"},
		}},
		{name: "agents reach kube-apiserver from outside", values: "agents: {apiServerURL: 'https://kube.example.com:6443', caConfigMapName: c, systemNamespace: fleet-system}", changes: []change{
			{controllerDeployment, args, "--agent-api-server-url=https://kube.example.com:6443"},
			{controllerDeployment, args, "--agent-api-server-ca-file=/var/run/muster/agents/ca.crt"},
			{controllerDeployment, args, "--agent-system-namespace=fleet-system"},
			{controllerDeployment, pod + "volumes.1", "{name: agents, configMap: {name: c}}"},
		}},
		{name: "resources", values: "resources: {requests: {cpu: 2}, limits: {memory: 8Gi}}", changes: []change{
			{deployment, pod + "containers.0.resources", "{requests: {cpu: 2, memory: 512Mi}, limits: {memory: 8Gi}}"},
		}},
		{name: "another budget", values: "podDisruptionBudget: {maxUnavailable: 34%}", changes: []change{{budget, "spec.maxUnavailable", "34%"}}},
		{name: "no budget", values: "podDisruptionBudget: {enabled: false}", without: []string{budget}},
		{name: "a spread that is a condition", values: "topologySpread: {whenUnsatisfiable: DoNotSchedule}", changes: []change{
			{deployment, pod + "topologySpreadConstraints.0.whenUnsatisfiable", "DoNotSchedule"},
			{deployment, pod + "topologySpreadConstraints.1.whenUnsatisfiable", "DoNotSchedule"},
		}},
		{name: "no spread", values: "topologySpread: {enabled: false}", not: []change{{deployment, pod + "topologySpreadConstraints.0.maxSkew", "1"}}},
		{name: "no network policy unless asked for", without: []string{networkPolicy}},
		{name: "a network policy for all peers", values: "networkPolicy: {enabled: true}", with: []string{networkPolicy}, not: []change{{networkPolicy, "spec.ingress.0.from", "[]"}}},
		{name: "a network policy with peers and ways out", values: "networkPolicy: {enabled: true, from: [{ipBlock: {cidr: 10.0.0.0/8}}], extraEgress: [{ports: [{port: 9443}]}]}", changes: []change{
			{networkPolicy, "spec.ingress.0.from", "[{ipBlock: {cidr: 10.0.0.0/8}}]"},
			{networkPolicy, "spec.egress.2", "{ports: [{port: 9443}]}"},
		}},
		{name: "no service monitor unless asked for", without: []string{monitor, "ClusterRole /muster-metrics-reader"}},
		{name: "a service monitor", values: "serviceMonitor: {enabled: true, interval: 15s, labels: {release: p}}", changes: []change{
			{monitor, "spec.endpoints.0.interval", "15s"},
			{monitor, "metadata.labels.release", "p"},
			{monitor, "spec.endpoints.0.tlsConfig.serverName", "muster-apiserver." + system + ".svc"},
			{controllerMonitor, "spec.endpoints.0.interval", "15s"},
			{controllerMonitor, "metadata.labels.release", "p"},
		}, with: []string{"ClusterRole /muster-metrics-reader", "Service " + system + "/muster-controller"}},
		{name: "no service monitor without a controller", values: "serviceMonitor: {enabled: true}\ncontroller: {enabled: false}", with: []string{monitor}, without: []string{controllerMonitor, "Service " + system + "/muster-controller"}},
		{name: "no metrics of Fleet unless asked for", values: "serviceMonitor: {enabled: true}", without: []string{fleetMonitor}},
		{name: "metrics of Fleet", values: "serviceMonitor: {enabled: true, interval: 15s, labels: {release: p}, fleetMetrics: {enabled: true}}", changes: []change{
			{fleetMonitor, "spec.endpoints.0.path", "/metrics/fleet"},
			{fleetMonitor, "spec.endpoints.0.interval", "15s"},
			{fleetMonitor, "spec.endpoints.0.honorLabels", "false"},
			{fleetMonitor, "metadata.labels.release", "p"},
		}},
		{name: "metrics of Fleet, less often", values: "serviceMonitor: {enabled: true, interval: 15s, fleetMetrics: {enabled: true, interval: 1m, honorLabels: true}}", changes: []change{
			{fleetMonitor, "spec.endpoints.0.interval", "1m"},
			{fleetMonitor, "spec.endpoints.0.honorLabels", "true"},
			{controllerMonitor, "spec.endpoints.0.interval", "15s"},
		}},
		{name: "no alerts unless asked for", without: []string{alerts}},
		{name: "alerts", values: "prometheusRule: {enabled: true, labels: {release: p}}", changes: []change{{alerts, "metadata.labels.release", "p"}}},
		{name: "schedules do nothing unless asked for", not: []change{{controllerDeployment, args, "--controllers=*,schedule"}}},
		{name: "schedules", values: "controller: {schedules: true}", changes: []change{{controllerDeployment, args, "--controllers=*,schedule"}}},
		{name: "no cluster inventory unless asked for", not: []change{{controllerDeployment, args, "--controllers=*,clusterprofiles"}}, without: []string{"ClusterRole /muster-controller:cluster-profiles"}},
		{name: "a cluster inventory", values: "inventory: {clusterProfiles: {enabled: true}}", changes: []change{{controllerDeployment, args, "--controllers=*,clusterprofiles"}}, with: []string{
			"ClusterRole /muster-controller:cluster-profiles", "ClusterRoleBinding /muster-controller:cluster-profiles",
		}},
		{name: "another priority", values: "flowSchema: {priorityLevel: p, matchingPrecedence: 7}", changes: []change{
			{flowSchema, "spec.priorityLevelConfiguration.name", "p"},
			{flowSchema, "spec.matchingPrecedence", "7"},
		}},
		{name: "no priority", values: "flowSchema: {enabled: false}", without: []string{flowSchema}},
		{name: "roles are not aggregated", values: "rbac: {aggregate: false}", not: []change{
			{"ClusterRole /muster-view", "metadata.labels.rbac~authorization~k8s~io/aggregate-to-view", "'true'"},
		}},
		{name: "more rights", values: "rbac: {extraRules: [{apiGroups: [example.org], resources: [limits], verbs: [get, list, watch]}]}", changes: []change{
			{"ClusterRole /muster-apiserver", "rules.*", "{apiGroups: [example.org], resources: [limits], verbs: [get, list, watch]}"},
		}},
		{name: "where pods go", values: "nodeSelector: {a: b}\ntolerations: [{key: k, operator: Exists}]\naffinity: {nodeAffinity: {}}\npriorityClassName: system-cluster-critical", changes: []change{
			{deployment, pod + "nodeSelector", "{a: b}"},
			{deployment, pod + "tolerations", "[{key: k, operator: Exists}]"},
			{deployment, pod + "affinity", "{nodeAffinity: {}}"},
			{deployment, pod + "priorityClassName", "system-cluster-critical"},
			{controllerDeployment, pod + "priorityClassName", "system-cluster-critical"},
		}},
		{name: "what pods are called", values: "podLabels: {a: b}\npodAnnotations: {c: d}\nserviceAccount: {annotations: {e: f}}", changes: []change{
			{deployment, "spec.template.metadata.labels", "{app.kubernetes.io/name: muster-apiserver, a: b}"},
			{deployment, "spec.template.metadata.annotations", "{c: d}"},
			{serviceAccount, "metadata.annotations", "{e: f}"},
			{"ServiceAccount " + system + "/muster-controller", "metadata.annotations", "{e: f}"},
			{controllerDeployment, "spec.template.metadata.labels", "{app.kubernetes.io/name: muster-controller, a: b}"},
		}},
	})
}

// valueCase holds values, and what they change.
type valueCase struct {
	name, values string
	changes      []change
	without      []string // objects that are not rendered
	with         []string // objects that are rendered
	not          []change // values that do not occur
}

// requireEffects renders the chart with the values base and those of each case.
func requireEffects(t *testing.T, base string, cases []valueCase) {
	t.Helper()
	plain := parse(t, chart(t, base))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects := parse(t, chart(t, merged(t, base, c.values)))
			for _, change := range c.changes {
				assert.Truef(t, has(t, objects, change), "%s: %s is not %s", change.object, change.path, change.is)
			}
			for _, change := range c.not {
				assert.Falsef(t, has(t, objects, change), "%s: %s is %s", change.object, change.path, change.is)
			}
			keys := slices.Collect(maps.Keys(objects))
			for _, object := range c.without {
				assert.NotContains(t, keys, object)
			}
			for _, object := range c.with {
				assert.Contains(t, keys, object)
			}
			if c.values != "" {
				assert.NotEqual(t, plain, objects, "the values change nothing")
			}
		})
	}
}

func digestOf(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

func merged(t *testing.T, base, over string) string {
	t.Helper()
	var low, high map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(base), &low))
	require.NoError(t, yaml.Unmarshal([]byte(over), &high))
	var lay func(low, high map[string]any)
	lay = func(low, high map[string]any) {
		for key, value := range high {
			below, isMap := low[key].(map[string]any)
			if above, both := value.(map[string]any); isMap && both {
				lay(below, above)
			} else {
				low[key] = value
			}
		}
	}
	lay(low, high)
	text, err := yaml.Marshal(low)
	require.NoError(t, err)
	return string(text)
}

// has reports whether an object has the value at the path. A "~" in a path is a dot that
// does not separate.
func has(t *testing.T, objects manifests, c change) bool {
	t.Helper()
	require.Contains(t, objects, c.object)
	at := []any{objects[c.object].Object}
	for part := range strings.SplitSeq(c.path, ".") {
		part = strings.ReplaceAll(part, "~", ".")
		var next []any
		for _, value := range at {
			switch value := value.(type) {
			case map[string]any:
				if field, ok := value[part]; ok {
					next = append(next, field)
				}
			case []any:
				for i, element := range value {
					if part == "*" || part == strconv.Itoa(i) {
						next = append(next, element)
					}
				}
			}
		}
		at = next
	}
	var want any
	require.NoError(t, yaml.Unmarshal([]byte(c.is), &want))
	text, err := yaml.Marshal(map[string]any{"is": want})
	require.NoError(t, err)
	return slices.ContainsFunc(at, func(value any) bool {
		got, err := yaml.Marshal(map[string]any{"is": value})
		require.NoError(t, err)
		return string(got) == string(text)
	})
}

func appVersion(t *testing.T) string {
	t.Helper()
	var c struct{ AppVersion string }
	require.NoError(t, yaml.Unmarshal([]byte(text(t, "helm", "muster", "Chart.yaml")), &c))
	return c.AppVersion
}
