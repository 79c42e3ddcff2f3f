// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const deployment = "Deployment " + system + "/muster-apiserver"

// everything sets every value that adds a flag.
const everything = `
etcd: {servers: ['https://10.0.0.11:2379'], compactionInterval: 1m}
tls: {certManager: {enabled: true}}
encryption: {secretName: a}
audit: {configMapName: b}
admission: {configMapName: c}
`

func TestTheProgramHasEveryFlagThatTheManifestsGiveIt(t *testing.T) {
	t.Parallel()
	help, stderr, err := run(t, cluster.Binary(t), "--help")
	require.NoError(t, err, stderr)
	has := map[string]bool{}
	for _, word := range strings.Fields(help) {
		if strings.HasPrefix(word, "--") {
			has[word] = true
		}
	}
	objects := map[string]manifests{
		"kustomize": parse(t, kustomize(t, artifacts(t, "kustomize", "server"))),
		"example":   parse(t, kustomize(t, artifacts(t, "kustomize", "example", "server"))),
		"helm":      parse(t, chart(t, everything)),
	}
	for name, rendered := range objects {
		for _, arg := range container(t, rendered).Args {
			flag, _, _ := strings.Cut(arg, "=")
			assert.True(t, has[flag], "%s: muster-apiserver --help knows no %s", name, flag)
		}
	}
}

func TestTheFirstArgumentIsTheOneThatTheExampleReplaces(t *testing.T) {
	t.Parallel()
	plain := container(t, parse(t, kustomize(t, artifacts(t, "kustomize", "server")))).Args
	example := container(t, parse(t, kustomize(t, artifacts(t, "kustomize", "example", "server")))).Args
	require.Equal(t, "--etcd-servers="+strings.Join(placeholder, ","), plain[0])
	require.Contains(t, example[0], "--etcd-servers=https://10.0.0.11:2379")
	require.Equal(t, plain[1:], example[1:len(plain)])
}

func TestEveryFileThatAFlagNamesIsMounted(t *testing.T) {
	t.Parallel()
	for name, rendered := range map[string]manifests{
		"kustomize": parse(t, kustomize(t, artifacts(t, "kustomize", "server"))),
		"helm":      parse(t, chart(t, everything)),
	} {
		spec := as[appsv1.Deployment](t, rendered, deployment).Spec.Template.Spec
		mounts := map[string]string{} // path → volume
		for _, mount := range spec.Containers[0].VolumeMounts {
			assert.True(t, mount.ReadOnly, "%s: %s", name, mount.Name)
			mounts[mount.MountPath] = mount.Name
		}
		used := map[string]bool{}
		for _, arg := range spec.Containers[0].Args {
			flag, value, _ := strings.Cut(arg, "=")
			if !strings.HasPrefix(value, "/var/run/") {
				continue
			}
			dir := value[:strings.LastIndex(value, "/")]
			assert.Contains(t, mounts, dir, "%s: %s", name, flag)
			used[mounts[dir]] = true
		}
		require.Len(t, spec.Volumes, len(mounts), "%s: a volume that nothing mounts", name)
		for _, volume := range spec.Volumes {
			assert.True(t, used[volume.Name], "%s: no flag reads volume %s", name, volume.Name)
		}
	}
}
