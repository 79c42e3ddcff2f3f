// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// sampler makes reports as Fleet's agents do (S 9.5, S 9.7).
type sampler struct {
	*rand.Rand
	words []string
}

// The names in the dictionary's texts, and those that it is measured with.
var (
	seen   = []string{"app", "server", "monitoring", "operator", "controller", "nginx", "prometheus", "frontend"}
	unseen = []string{"billing", "gateway", "ledger", "search", "orders", "mail", "audit", "queue", "cart", "users"}
)

func newSampler(seed uint64, words []string) sampler {
	return sampler{rand.New(rand.NewPCG(seed, 0)), words}
}

func pick[T any](s sampler, from ...T) T { return from[s.IntN(len(from))] }

func (s sampler) hex(n int) string {
	sum := sha256.Sum256(fmt.Append(nil, s.Uint64()))
	return hex.EncodeToString(sum[:])[:n]
}

func (s sampler) uid() types.UID {
	return types.UID(uuid.NewSHA1(uuid.Nil, []byte(s.hex(20))).String())
}

func (s sampler) word() string {
	return pick(s, s.words...) + pick(s, "", "-api", "-worker", "-web", "-db", "-cache", "-config")
}

func (s sampler) deploymentID() string { return "s-" + s.hex(61) + ":" + s.hex(64) }

// resourceKinds holds the kinds of objects in charts, with their API versions.
var resourceKinds = [][2]string{
	{"Deployment", "apps/v1"},
	{"ConfigMap", "v1"},
	{"Service", "v1"},
	{"ServiceAccount", "v1"},
	{"Secret", "v1"},
	{"Ingress", "networking.k8s.io/v1"},
	{"Role", "rbac.authorization.k8s.io/v1"},
	{"RoleBinding", "rbac.authorization.k8s.io/v1"},
	{"ClusterRole", "rbac.authorization.k8s.io/v1"},
	{"ClusterRoleBinding", "rbac.authorization.k8s.io/v1"},
	{"StatefulSet", "apps/v1"},
	{"DaemonSet", "apps/v1"},
	{"PersistentVolumeClaim", "v1"},
	{"NetworkPolicy", "networking.k8s.io/v1"},
	{"PodDisruptionBudget", "policy/v1"},
	{"HorizontalPodAutoscaler", "autoscaling/v2"},
	{"Job", "batch/v1"},
	{"CronJob", "batch/v1"},
	{"CustomResourceDefinition", "apiextensions.k8s.io/v1"},
	{"ServiceMonitor", "monitoring.coreos.com/v1"},
	{"Namespace", "v1"},
}

// report returns a report on a deployment with a number of objects. A healthy one reports no
// errors.
func (s sampler) report(resources int, healthy bool) *Report {
	var (
		now       = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(s.IntN(1<<26)) * time.Second)
		at        = func(d int) string { return now.Add(time.Duration(d) * time.Second).Format(time.RFC3339) }
		app       = s.word()
		namespace = app
		bd        = &v1alpha1.BundleDeployment{}
		status    = &bd.Status
	)
	status.AppliedDeploymentID = s.deploymentID()
	status.Release = fmt.Sprintf("%s/%s-%s:%d", namespace, pick(s, "fleet", "prod", "apps"), app, 1+s.IntN(4))
	status.SyncGeneration = ptr.To[int64](0)
	status.Ready, status.NonModified = healthy, true
	monitored := 1 + s.IntN(600)
	status.Conditions = []v1alpha1.GenericCondition{
		{Type: "Installed", Status: "True", LastUpdateTime: at(0)},
		{Type: "Deployed", Status: "True", LastUpdateTime: at(0)},
		{Type: "Monitored", Status: "True", LastUpdateTime: at(1)},
		{Type: "Ready", Status: "True", LastUpdateTime: at(monitored)},
	}
	for i := range resources {
		kind := resourceKinds[(i+s.IntN(3))%len(resourceKinds)]
		name := app
		if i > 0 {
			name += pick(s, "", "-config", "-metrics", "-web", fmt.Sprintf("-%d", i))
		}
		status.Resources = append(status.Resources, v1alpha1.BundleDeploymentResource{
			Kind: kind[0], APIVersion: kind[1], Namespace: namespace, Name: name,
			CreatedAt: metav1.NewTime(now.Add(time.Duration(i/8) * time.Second)),
		})
	}
	status.ResourceCounts = v1alpha1.ResourceCounts{Ready: resources, DesiredReady: resources}
	if !healthy {
		s.ail(status, namespace, app)
	}
	return &Report{Status: bd, UID: s.uid()}
}

func (s sampler) ail(status *v1alpha1.BundleDeploymentStatus, namespace, app string) {
	ready := &status.Conditions[3]
	ready.Status, ready.Reason = "False", "Error"
	switch s.IntN(4) {
	case 0:
		summary := v1alpha1.ObjectSummary{State: "in-progress", Transitioning: true, Message: []string{"Deployment does not have minimum availability.", fmt.Sprintf("Available: 0/%d", 1+s.IntN(4))}}
		status.NonReadyStatus = []v1alpha1.NonReadyStatus{{UID: s.uid(), Kind: "Deployment", APIVersion: "apps/v1", Namespace: namespace, Name: app, Summary: summary}}
		ready.Message = fmt.Sprintf("deployment.apps %s/%s [progressing] Deployment does not have minimum availability., Available: 0/1", namespace, app)
		status.ResourceCounts.Ready, status.ResourceCounts.NotReady = max(0, status.ResourceCounts.Ready-1), 1
	case 1:
		status.NonModified = false
		status.ModifiedStatus = []v1alpha1.ModifiedStatus{{Kind: "ConfigMap", APIVersion: "v1", Namespace: namespace, Name: app + "-config", Patch: `{"data":{"key":"` + s.word() + `"}}`}}
		ready.Message = fmt.Sprintf("configmap.v1 %s/%s-config modified {\"data\":{\"key\":\"%s\"}}", namespace, app, s.word())
	case 2:
		status.ModifiedStatus = []v1alpha1.ModifiedStatus{{Kind: "Service", APIVersion: "v1", Namespace: namespace, Name: app, Create: true}}
		status.NonModified = false
		ready.Message = fmt.Sprintf("service.v1 %s/%s missing", namespace, app)
	default:
		status.Conditions[0] = v1alpha1.GenericCondition{Type: "Installed", Status: "False", Reason: "Error", Message: "not installed: unable to build kubernetes objects from release manifest: error validating data", LastUpdateTime: ready.LastUpdateTime}
		status.Release = ""
		ready.Message = "not ready: unable to build kubernetes objects from release manifest: error validating data"
	}
}

func (s sampler) tracked(r *Report) *Report {
	fields := `{"f:status":{"f:appliedDeploymentID":{},"f:conditions":{},"f:nonModified":{},"f:ready":{},"f:release":{},"f:resourceCounts":{"f:desiredReady":{},"f:missing":{},"f:modified":{},"f:notReady":{},"f:orphaned":{},"f:ready":{},"f:unknown":{},"f:waitApplied":{}},"f:resources":{},"f:syncGeneration":{}}}`
	at := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, s.IntN(1<<26), 0, time.UTC))
	r.ManagedFields = []metav1.ManagedFieldsEntry{{
		Manager: "fleetagent", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "fleet.cattle.io/v1alpha1",
		Time: &at, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(fields), Subresource: "status",
	}}
	return r
}

// heartbeat returns the report of an agent on its Cluster (S 9.4).
func (s sampler) heartbeat() *Report {
	seen := metav1.NewTime(time.Date(2026, 1, 1, 0, 0, s.IntN(1<<26), 0, time.UTC))
	c := &v1alpha1.Cluster{}
	c.Status.Agent = v1alpha1.AgentStatus{LastSeen: seen, Namespace: "cattle-fleet-system"}
	return &Report{Status: c, UID: s.uid(), ManagedFields: []metav1.ManagedFieldsEntry{{
		Manager: "fleetagent", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "fleet.cattle.io/v1alpha1",
		Time: &seen, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:status":{"f:agent":{"f:lastSeen":{},"f:namespace":{}}}}`), Subresource: "status",
	}}}
}
