// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func (t *text) deployment(d *v1alpha1.BundleDeployment, known *known) {
	t.b = append(t.b, '{')
	t.unlessEmpty(`"kind":`, d.Kind)
	t.unlessEmpty(`"apiVersion":`, d.APIVersion)
	t.begin(`"metadata":`)
	t.meta(&d.ObjectMeta)
	t.end()
	t.begin(`"spec":`)
	t.spec(&d.Spec, known)
	t.end()
	t.begin(`"status":`)
	t.status(&d.Status)
	t.end()
	t.end()
}

func (t *text) meta(m *metav1.ObjectMeta) {
	t.unlessEmpty(`"name":`, m.Name)
	t.unlessEmpty(`"generateName":`, m.GenerateName)
	t.unlessEmpty(`"namespace":`, m.Namespace)
	t.unlessEmpty(`"selfLink":`, m.GetSelfLink())
	t.unlessEmpty(`"uid":`, string(m.UID))
	t.unlessEmpty(`"resourceVersion":`, m.ResourceVersion)
	t.unlessZero(`"generation":`, m.Generation)
	t.unlessNoTime(`"creationTimestamp":`, &m.CreationTimestamp)
	if m.DeletionTimestamp != nil {
		t.other(`"deletionTimestamp":`, m.DeletionTimestamp)
	}
	if m.DeletionGracePeriodSeconds != nil {
		t.integer(`"deletionGracePeriodSeconds":`, *m.DeletionGracePeriodSeconds)
	}
	t.unlessNone(`"labels":`, m.Labels)
	t.unlessNone(`"annotations":`, m.Annotations)
	if len(m.OwnerReferences) > 0 {
		t.other(`"ownerReferences":`, m.OwnerReferences)
	}
	if len(m.Finalizers) > 0 {
		t.other(`"finalizers":`, m.Finalizers)
	}
	if len(m.ManagedFields) > 0 {
		t.other(`"managedFields":`, m.ManagedFields)
	}
}

func (t *text) spec(s *v1alpha1.BundleDeploymentSpec, known *known) {
	t.unlessFalse(`"paused":`, s.Paused)
	t.name(`"stagedOptions":`)
	from := len(t.b)
	known.write(t, s.StagedDeploymentID, &s.StagedOptions)
	to := len(t.b)
	t.unlessEmpty(`"stagedDeploymentID":`, s.StagedDeploymentID)
	t.name(`"options":`)
	if same(&s.StagedOptions, &s.Options) {
		t.b = append(t.b, t.b[from:to]...)
	} else {
		known.write(t, s.DeploymentID, &s.Options)
	}
	t.unlessEmpty(`"deploymentID":`, s.DeploymentID)
	if len(s.DependsOn) > 0 {
		t.other(`"dependsOn":`, s.DependsOn)
	}
	if s.CorrectDrift != nil {
		t.other(`"correctDrift":`, s.CorrectDrift)
	}
	t.unlessFalse(`"ociContents":`, s.OCIContents)
	if s.HelmChartOptions != nil {
		t.other(`"helmChartOptions":`, s.HelmChartOptions)
	}
	t.unlessEmpty(`"valuesHash":`, s.ValuesHash)
	t.unlessZero(`"downstreamResourcesGeneration":`, s.DownstreamResourcesGeneration)
	t.unlessFalse(`"offSchedule":`, s.OffSchedule)
	t.unlessFalse(`"waitingForValues":`, s.WaitingForValues)
}

func (t *text) status(s *v1alpha1.BundleDeploymentStatus) {
	if len(s.Conditions) > 0 {
		t.name(`"conditions":`)
		separator := byte('[')
		for i := range s.Conditions {
			c := &s.Conditions[i]
			t.b = append(t.b, separator, '{')
			t.unlessEmpty(`"type":`, c.Type)
			t.unlessEmpty(`"status":`, c.Status)
			t.unlessEmpty(`"reason":`, c.Reason)
			t.unlessEmpty(`"message":`, c.Message)
			t.unlessEmpty(`"lastUpdateTime":`, c.LastUpdateTime)
			t.unlessEmpty(`"lastTransitionTime":`, c.LastTransitionTime)
			t.end()
			separator = ','
		}
		t.b = append(t.b, ']')
	}
	t.unlessEmpty(`"appliedDeploymentID":`, s.AppliedDeploymentID)
	t.unlessEmpty(`"release":`, s.Release)
	t.unlessFalse(`"ready":`, s.Ready)
	t.unlessFalse(`"nonModified":`, s.NonModified)
	if len(s.NonReadyStatus) > 0 {
		t.other(`"nonReadyStatus":`, s.NonReadyStatus)
	}
	if len(s.ModifiedStatus) > 0 {
		t.other(`"modifiedStatus":`, s.ModifiedStatus)
	}
	t.unlessFalse(`"incompleteState":`, s.IncompleteState)
	t.begin(`"display":`)
	t.unlessEmpty(`"deployed":`, s.Display.Deployed)
	t.unlessEmpty(`"monitored":`, s.Display.Monitored)
	t.unlessEmpty(`"state":`, s.Display.State)
	t.end()
	if s.SyncGeneration != nil {
		t.integer(`"syncGeneration":`, *s.SyncGeneration)
	}
	t.resources(s.Resources)
	c := &s.ResourceCounts
	t.begin(`"resourceCounts":`)
	t.integer(`"ready":`, int64(c.Ready))
	t.integer(`"desiredReady":`, int64(c.DesiredReady))
	t.integer(`"waitApplied":`, int64(c.WaitApplied))
	t.integer(`"modified":`, int64(c.Modified))
	t.integer(`"orphaned":`, int64(c.Orphaned))
	t.integer(`"missing":`, int64(c.Missing))
	t.integer(`"unknown":`, int64(c.Unknown))
	t.integer(`"notReady":`, int64(c.NotReady))
	t.end()
	t.unlessZero(`"downstreamResourcesGeneration":`, s.DownstreamResourcesGeneration)
}

func (t *text) resources(all []v1alpha1.BundleDeploymentResource) {
	if len(all) == 0 {
		return
	}
	t.name(`"resources":`)
	separator := byte('[')
	for i := range all {
		r := &all[i]
		t.b = append(t.b, separator, '{')
		t.unlessEmpty(`"kind":`, r.Kind)
		t.unlessEmpty(`"apiVersion":`, r.APIVersion)
		t.unlessEmpty(`"namespace":`, r.Namespace)
		t.unlessEmpty(`"name":`, r.Name)
		t.unlessNoTime(`"createdAt":`, &r.CreatedAt)
		t.end()
		separator = ','
	}
	t.b = append(t.b, ']')
}
