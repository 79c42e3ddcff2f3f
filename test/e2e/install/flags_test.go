// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	deployment           = "Deployment " + system + "/muster-apiserver"
	controllerDeployment = "Deployment " + system + "/muster-controller"
)

// programs maps each program of the manifests to its Deployment.
var programs = map[string]string{"muster-apiserver": deployment, "muster-controller": controllerDeployment}

// everything sets every value that adds a flag.
const everything = `
etcd: {servers: ['https://10.0.0.11:2379'], compactionInterval: 1m}
tls: {certManager: {enabled: true}}
encryption: {secretName: a}
audit: {configMapName: b}
admission: {configMapName: c}
tracing: {configMapName: e}
agents: {apiServerURL: 'https://kube.example.com:6443', caConfigMapName: d, systemNamespace: fleet-system, managedBy: fleet}
controller: {schedules: true}
inventory: {clusterProfiles: {enabled: true}}
`

func TestTheProgramsHaveEveryFlagThatTheManifestsGiveThem(t *testing.T) {
	t.Parallel()
	objects := map[string]manifests{
		"kustomize": servers(t),
		"example":   parse(t, kustomize(t, artifacts(t, "kustomize", "example", "server"))),
		"helm":      parse(t, chart(t, everything)),
	}
	for program, deployment := range programs {
		help, stderr, err := run(t, cluster.Built(t, program), "--help")
		require.NoError(t, err, stderr)
		has := map[string]bool{}
		for _, word := range strings.Fields(help) {
			if strings.HasPrefix(word, "--") {
				has[word] = true
			}
		}
		for name, rendered := range objects {
			for _, arg := range container(t, rendered, deployment).Args {
				flag, _, _ := strings.Cut(arg, "=")
				assert.True(t, has[flag], "%s: %s --help knows no %s", name, program, flag)
			}
		}
	}
}

func TestTheExampleReplacesTheFirstArgument(t *testing.T) {
	t.Parallel()
	base, filled := servers(t), parse(t, kustomize(t, artifacts(t, "kustomize", "example", "server")))
	for program, deployment := range programs {
		plain, example := container(t, base, deployment).Args, container(t, filled, deployment).Args
		require.Equal(t, "--etcd-servers="+strings.Join(placeholder, ","), plain[0], program)
		require.Contains(t, example[0], "--etcd-servers=https://10.0.0.11:2379", program)
		require.Equal(t, plain[1:], example[1:len(plain)], program)
	}
}

// theirs is the folder that kubelet mounts into each pod that uses its account's token.
const theirs = "/var/run/secrets/kubernetes.io/serviceaccount/"

func TestEveryFileThatAFlagNamesIsMounted(t *testing.T) {
	t.Parallel()
	for name, rendered := range map[string]manifests{
		"kustomize": servers(t),
		"helm":      parse(t, chart(t, everything)),
	} {
		for _, deployment := range programs {
			requireMounted(t, name, as[appsv1.Deployment](t, rendered, deployment).Spec.Template.Spec)
		}
	}
}

func requireMounted(t *testing.T, name string, spec corev1.PodSpec) {
	t.Helper()
	mounts := map[string]string{} // path → volume
	for _, mount := range spec.Containers[0].VolumeMounts {
		assert.True(t, mount.ReadOnly, "%s: %s", name, mount.Name)
		mounts[mount.MountPath] = mount.Name
	}
	used := map[string]bool{}
	for _, arg := range spec.Containers[0].Args {
		flag, value, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(value, "/var/run/") || strings.HasPrefix(value, theirs) {
			continue
		}
		dir := value[:strings.LastIndex(value, "/")]
		assert.Contains(t, mounts, dir, "%s: %s", name, flag)
		used[mounts[dir]] = true
	}
	require.Len(t, spec.Volumes, len(mounts), "%s: a volume that no container mounts", name)
	for _, volume := range spec.Volumes {
		assert.True(t, used[volume.Name], "%s: no flag reads volume %s", name, volume.Name)
	}
}
