// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// The oracle is the table of the page.
func TestThePageListsThePortsThatThePoliciesAllow(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", "install.md"))
	require.NoError(t, err)
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(muster-[a-z]+)` \\| (in|out) \\| ([^|]+) \\|").FindAllStringSubmatch(string(content), -1) {
		listed = append(listed, strings.Join(row[1:], " "))
	}
	require.NotEmpty(t, listed)
	for name, rendered := range map[string]manifests{
		"kustomize": parse(t, kustomize(t, kustomization(t, []string{"server"}, []string{"controller", "network-policy"}))),
		"helm":      parse(t, chart(t, minimal+"networkPolicy: {enabled: true}")),
	} {
		var allowed []string
		for program, deployment := range programs {
			policy := as[networkingv1.NetworkPolicy](t, rendered, "NetworkPolicy "+system+"/"+program)
			named := map[string]int32{}
			for _, port := range container(t, rendered, deployment).Ports {
				named[port.Name] = port.ContainerPort
			}
			for _, rule := range policy.Spec.Ingress {
				allowed = append(allowed, program+" in "+ports(t, rule.Ports, named))
			}
			for _, rule := range policy.Spec.Egress {
				allowed = append(allowed, program+" out "+ports(t, rule.Ports, named))
			}
		}
		slices.Sort(allowed)
		slices.Sort(listed)
		require.Equal(t, allowed, listed, name)
	}
}

// ports returns the ports of a rule as the page writes them. A name is that of a port of
// the container.
func ports(t *testing.T, all []networkingv1.NetworkPolicyPort, named map[string]int32) string {
	t.Helper()
	var texts []string
	for _, each := range all {
		port := each.Port.IntVal
		if each.Port.Type == intstr.String {
			require.Contains(t, named, each.Port.StrVal)
			port = named[each.Port.StrVal]
		}
		texts = append(texts, fmt.Sprintf("%d/%s", port, *each.Protocol))
	}
	return strings.Join(texts, ", ")
}

// The rule that an operator adds by the page is one that kube-apiserver accepts, and it is
// about the Pods of both programs.
func TestThePolicyOfThePageSelectsBothPrograms(t *testing.T) {
	t.Parallel()
	kubectl := control.Terminal(t, nil)
	_, kubectl.Stdin, _ = strings.Cut(cluster.Step(t, "install.md", "ports"), "<<YAML\n")
	kubectl.Stdin = strings.TrimSuffix(kubectl.Stdin, "YAML\n")
	_, _, err := kubectl.Kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-")
	require.NoError(t, err)
	policy := as[networkingv1.NetworkPolicy](t, parse(t, kubectl.Stdin), "NetworkPolicy "+system+"/muster-more-ports")
	selects := policy.Spec.PodSelector.MatchExpressions[0]
	for program, deployment := range programs {
		labels := servers(t)[deployment].Object["spec"].(map[string]any)["template"].(map[string]any)["metadata"].(map[string]any)["labels"].(map[string]any)
		require.Equal(t, program, labels[selects.Key])
		require.Contains(t, selects.Values, program)
	}
}

// The ConfigMap of the page is the one that the component mounts, with the file that its
// flag names.
func TestTheComponentMountsTheConfigMapOfThePage(t *testing.T) {
	t.Parallel()
	kubectl := control.Terminal(t, nil)
	_, kubectl.Stdin, _ = strings.Cut(cluster.Step(t, "tracing.md", "configure"), "<<YAML\n")
	kubectl.Stdin = strings.TrimSuffix(kubectl.Stdin, "YAML\n")
	_, _, err := kubectl.Kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-")
	require.NoError(t, err)
	rendered := parse(t, kustomize(t, kustomization(t, []string{"server"}, []string{"tracing"})))
	spec := as[appsv1.Deployment](t, rendered, deployment).Spec.Template.Spec
	volume := spec.Volumes[len(spec.Volumes)-1]
	made := as[corev1.ConfigMap](t, parse(t, kubectl.Stdin), "ConfigMap "+system+"/"+volume.ConfigMap.Name)
	for file := range made.Data {
		require.Contains(t, spec.Containers[0].Args, "--tracing-config-file=/var/run/muster/"+volume.Name+"/"+file)
	}
	requireMounted(t, "tracing", spec)
}
