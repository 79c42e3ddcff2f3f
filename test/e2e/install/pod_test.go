// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/musterfleet/muster/pkg/registry/freshness"
)

func container(t *testing.T, rendered manifests, deployment string) corev1.Container {
	t.Helper()
	containers := as[appsv1.Deployment](t, rendered, deployment).Spec.Template.Spec.Containers
	require.Len(t, containers, 1)
	return containers[0]
}

// TestAReplicaWithoutEtcdLeavesItsServiceSoon checks the promise of 5 seconds. The time until
// EndpointSlices reach all nodes comes on top.
func TestAReplicaWithoutEtcdLeavesItsServiceSoon(t *testing.T) {
	t.Parallel()
	probe := container(t, servers(t), programs["muster-apiserver"]).ReadinessProbe
	fails := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second
	require.LessOrEqual(t, freshness.SilentAfter+fails, 5*time.Second)
	require.GreaterOrEqual(t, probe.FailureThreshold, int32(2), "one slow answer of a busy machine does no harm")
}

func TestThePodsHaveNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	rendered := servers(t)
	for program, deployment := range programs {
		pod := as[appsv1.Deployment](t, rendered, deployment).Spec.Template.Spec
		assert.Equal(t, program, pod.ServiceAccountName)
		assert.Equal(t, new(true), pod.SecurityContext.RunAsNonRoot)
		assert.Equal(t, new(int64(65532)), pod.SecurityContext.RunAsUser, "the user of the images")
		assert.Equal(t, &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}, pod.SecurityContext.SeccompProfile)
		context := pod.Containers[0].SecurityContext
		assert.Equal(t, new(true), context.ReadOnlyRootFilesystem)
		assert.Equal(t, new(false), context.AllowPrivilegeEscalation)
		assert.Equal(t, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}, context.Capabilities)
		assert.False(t, pod.HostNetwork)
		for _, volume := range pod.Volumes {
			require.NotNil(t, volume.Secret, "%s: the base mounts Secrets only", volume.Name)
			assert.Equal(t, new(int32(0o440)), volume.Secret.DefaultMode, "%s: keys are for the process's group, not for all users", volume.Name)
		}
	}
}

func TestAStoppingReplicaWaitsUntilItsProbeFails(t *testing.T) {
	t.Parallel()
	rendered := parse(t, kustomize(t, artifacts(t, "kustomize", "server")))
	spec := as[appsv1.Deployment](t, rendered, deployment).Spec
	assert.Equal(t, "0", spec.Strategy.RollingUpdate.MaxUnavailable.String())
	var delay time.Duration
	for _, arg := range spec.Template.Spec.Containers[0].Args {
		const flag = "--shutdown-delay-duration="
		if text, found := strings.CutPrefix(arg, flag); found {
			var err error
			delay, err = time.ParseDuration(text)
			require.NoError(t, err)
		}
	}
	probe := container(t, rendered, deployment).ReadinessProbe
	notice := time.Duration(probe.PeriodSeconds*probe.FailureThreshold) * time.Second
	assert.Greater(t, delay, notice, "kubelet notices within %v that the replica is not ready", notice)
	const requests = time.Minute // --request-timeout of the API server
	grace := time.Duration(*spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	assert.Greater(t, grace, delay+requests, "requests in flight may finish")
}
