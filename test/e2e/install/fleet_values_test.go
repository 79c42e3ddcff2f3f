// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// fleetSystem is the namespace of Fleet's programs.
const fleetSystem = "cattle-fleet-system"

const (
	gitjob          = "Deployment " + fleetSystem + "/gitjob"
	helmops         = "Deployment " + fleetSystem + "/helmops"
	agentmanagement = "Deployment " + fleetSystem + "/fleet-agentmanagement"
	fleetController = "Deployment " + fleetSystem + "/fleet-controller"
	fleetSettings   = "ConfigMap " + fleetSystem + "/fleet-controller"
	knownHosts      = "ConfigMap " + fleetSystem + "/known-hosts"
)

// everythingOfFleet sets every value of Fleet's programs.
const everythingOfFleet = `
fleetControllers:
  enabled: true
  image: {repository: 'registry.example.com:5000/rancher/fleet', tag: v1, pullPolicy: Always, pullSecrets: [{name: s}]}
  agentImage: {repository: registry.example.com/rancher/fleet-agent, tag: v2, pullPolicy: Always}
  gitops: {replicas: 2, workers: 7, syncPeriod: 1h, extraArgs: [--debug], resources: {limits: {memory: 1Gi}}}
  helmops: {replicas: 2, workers: 7, extraArgs: [--debug], resources: {limits: {memory: 1Gi}}}
  agentmanagement: {replicas: 2, apiServerCA: '-----BEGIN CERTIFICATE-----', extraArgs: [--debug], resources: {limits: {memory: 1Gi}}}
  config: {agentTLSMode: strict, rancherNamespaces: {enabled: true}}
  additionalKnownHosts: ['git.example.com ssh-ed25519 AAAA']
  proxy: http://proxy:3128
  noProxy: .example.com
  extraEnv: [{name: OCI_STORAGE, value: 'false'}]
`

func TestEachValueOfFleetsProgramsHasItsEffect(t *testing.T) {
	t.Parallel()
	const (
		env  = pod + "containers.0.env.*"
		args = pod + "containers.0.args.*"
		base = minimal + "fleetControllers: {enabled: true}\nagents: {managedBy: fleet}\n"
	)
	all := []string{gitjob, helmops, agentmanagement}
	each := func(path, is string) (changes []change) {
		for _, deployment := range all {
			changes = append(changes, change{deployment, path, is})
		}
		return changes
	}
	requireEffects(t, base, []valueCase{
		{name: "all programs", with: append(all, fleetController, fleetSettings, knownHosts, "Service "+fleetSystem+"/gitjob", "Namespace /"+fleetSystem), changes: []change{
			{fleetController, "spec.replicas", "0"},
			{controllerDeployment, args, "--controllers=*,-agentaccess"},
			{agentmanagement, args, "--disable-bootstrap"},
			{gitjob, args, "rancher/fleet:v0.15.0"},
		}},
		{name: "agents by Muster", values: "agents: {managedBy: muster}", with: []string{gitjob, helmops}, without: []string{
			agentmanagement, "ClusterRole /fleet-agentmanagement", "ServiceAccount " + fleetSystem + "/fleet-agentmanagement",
		}, not: []change{{controllerDeployment, args, "--controllers=*,-agentaccess"}}},
		{name: "agents by Fleet, and schedules", values: "controller: {schedules: true}", changes: []change{{controllerDeployment, args, "--controllers=*,-agentaccess,schedule"}}},
		{name: "beside Fleet's own chart", values: "fleetControllers: {enabled: false}", with: []string{agentmanagement}, without: []string{
			gitjob, helmops, fleetController, fleetSettings, knownHosts, "Namespace /" + fleetSystem,
			"ClusterRole /gitjob", "ClusterRole /helmops", "Service " + fleetSystem + "/gitjob",
		}},
		{name: "no GitRepos", values: "fleetControllers: {gitops: {enabled: false}}", with: []string{helmops}, without: []string{gitjob, "Service " + fleetSystem + "/gitjob", "ClusterRole /gitjob"}},
		{name: "no HelmOps", values: "fleetControllers: {helmops: {enabled: false}}", with: []string{gitjob}, without: []string{helmops, "ClusterRole /helmops"}},
		{name: "another image", values: "fleetControllers: {image: {repository: r/fleet, tag: t, pullPolicy: Always, pullSecrets: [{name: s}]}}", changes: append(append(append(
			each(pod+"containers.0.image", "r/fleet:t"), each(pod+"containers.0.imagePullPolicy", "Always")...), each(pod+"imagePullSecrets", "[{name: s}]")...),
			change{gitjob, args, "r/fleet:t"},
			change{fleetSettings, "metadata.annotations", "{fleet.cattle.io/version: t}"},
		)},
		{name: "how much at a time, and how often", values: "fleetControllers: {gitops: {workers: 7, syncPeriod: 1h}, helmops: {workers: 8}}", changes: []change{
			{gitjob, env, "{name: GITREPO_RECONCILER_WORKERS, value: '7'}"},
			{gitjob, env, "{name: GITREPO_SYNC_PERIOD, value: 1h}"},
			{helmops, env, "{name: HELMOPS_RECONCILER_WORKERS, value: '8'}"},
		}},
		{name: "replicas, flags and resources", values: "fleetControllers: {gitops: &x {replicas: 2, extraArgs: [--debug], resources: {limits: {memory: 1Gi}}}, helmops: *x, agentmanagement: *x}", changes: append(append(
			each("spec.replicas", "2"), each(args, "--debug")...), each(pod+"containers.0.resources", "{limits: {memory: 1Gi}}")...)},
		{name: "a proxy", values: "fleetControllers: {proxy: 'http://proxy:3128', noProxy: .svc}", changes: append(append(
			each(env, "{name: HTTP_PROXY, value: 'http://proxy:3128'}"), each(env, "{name: HTTPS_PROXY, value: 'http://proxy:3128'}")...), each(env, "{name: NO_PROXY, value: .svc}")...)},
		{name: "more environment", values: "fleetControllers: {extraEnv: [{name: OCI_STORAGE, value: 'false'}]}", changes: each(env, "{name: OCI_STORAGE, value: 'false'}")},
		{name: "where pods go, and git Jobs", values: "nodeSelector: {a: b}\ntolerations: [{key: k, operator: Exists}]\naffinity: {nodeAffinity: {}}\npriorityClassName: p", changes: append(append(append(append(
			each(pod+"nodeSelector", "{a: b}"), each(pod+"tolerations", "[{key: k, operator: Exists}]")...), each(pod+"affinity", "{nodeAffinity: {}}")...), each(pod+"priorityClassName", "p")...),
			change{fleetController, pod + "nodeSelector", "{a: b}"},
			change{fleetController, pod + "tolerations", "[{key: k, operator: Exists}]"},
		)},
		{name: "what pods are called", values: "podLabels: {a: b}\npodAnnotations: {c: d}\nserviceAccount: {annotations: {e: f}}", changes: append(append(
			each("spec.template.metadata.labels.a", "b"), each("spec.template.metadata.annotations", "{c: d}")...),
			change{"ServiceAccount " + fleetSystem + "/gitjob", "metadata.annotations", "{e: f}"},
		)},
	})
}

func TestFleetsSettingsAreThoseOfTheValues(t *testing.T) {
	t.Parallel()
	objects := parse(t, chart(t, minimal+everythingOfFleet+"agents: {apiServerURL: 'https://kube.example.com:6443'}\n"))
	settings := map[string]any{}
	require.NoError(t, json.Unmarshal([]byte(as[corev1.ConfigMap](t, objects, fleetSettings).Data["config"]), &settings))
	for key, want := range map[string]any{
		"agentImage":           "registry.example.com/rancher/fleet-agent:v2",
		"agentImagePullPolicy": "Always",
		"agentTLSMode":         "strict",
		"agentCheckinInterval": "15m",
		"apiServerURL":         "https://kube.example.com:6443",
		"apiServerCA":          "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t",
		"rancherNamespaces":    map[string]any{"enabled": true},
	} {
		assert.Equal(t, want, settings[key], key)
	}
	hosts := as[corev1.ConfigMap](t, objects, knownHosts).Data["known_hosts"]
	lines := strings.Split(strings.TrimSpace(hosts), "\n")
	assert.Greater(t, len(lines), 1)
	assert.Equal(t, "git.example.com ssh-ed25519 AAAA", lines[len(lines)-1])
	for _, line := range lines {
		assert.Len(t, strings.Fields(line), 3, line)
	}
}

// Fleet's program for orphans deletes the namespaces of Clusters that it cannot find.
func TestNothingRunsFleetsCleanup(t *testing.T) {
	t.Parallel()
	for name, objects := range map[string]manifests{
		"helm":      parse(t, chart(t, minimal+everythingOfFleet+"agents: {managedBy: fleet}")),
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server"}, []string{"controller", "fleet-controllers", "agents-by-fleet"}))),
	} {
		ran := 0
		for key := range objects {
			if strings.HasPrefix(key, "Deployment "+fleetSystem) {
				c := container(t, objects, key)
				words := append(c.Command, c.Args...)
				assert.NotContains(t, words, "cleanup", "%s: %s", name, key)
				if key == fleetController {
					assert.Equal(t, []string{"true"}, words, "a replica would fight with Muster")
				}
				ran++
			}
		}
		assert.Equal(t, 4, ran, name)
	}
}

func TestEveryValueOfTheSchemaIsInTheValuesFile(t *testing.T) {
	t.Parallel()
	var values, schema map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text(t, "helm", "muster", "values.yaml")), &values))
	b, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "artifacts", "helm", "muster", "values.schema.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &schema))
	var compare func(path string, properties, have map[string]any)
	compare = func(path string, properties, have map[string]any) {
		for key, property := range properties {
			if path+key == "global" || path == "tls.certManager.issuerRef." {
				continue // helm's own; fields of an object that is empty by default
			}
			if !assert.Contains(t, have, key, "values.yaml does not show %s%s", path, key) {
				continue
			}
			below, _ := property.(map[string]any)["properties"].(map[string]any)
			inside, _ := have[key].(map[string]any)
			compare(path+key+".", below, inside)
		}
	}
	compare("", schema["properties"].(map[string]any), values)
}
