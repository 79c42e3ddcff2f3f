// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package encoding

import (
	"maps"
	"slices"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

func (t *text) options(o *v1alpha1.BundleDeploymentOptions) {
	t.b = append(t.b, '{')
	if o.YAML != nil {
		t.other(`"yaml":`, o.YAML)
	}
	if o.Kustomize != nil {
		t.other(`"kustomize":`, o.Kustomize)
	}
	t.unlessEmpty(`"defaultNamespace":`, o.DefaultNamespace)
	t.unlessEmpty(`"namespace":`, o.TargetNamespace)
	if o.Helm != nil {
		t.begin(`"helm":`)
		t.helm(o.Helm)
		t.end()
	}
	t.unlessEmpty(`"serviceAccount":`, o.ServiceAccount)
	if o.CreateNamespace != nil {
		t.other(`"createNamespace":`, *o.CreateNamespace)
	}
	t.unlessZero(`"forceSyncGeneration":`, o.ForceSyncGeneration)
	if o.Diff != nil {
		t.other(`"diff":`, o.Diff)
	}
	t.unlessFalse(`"keepResources":`, o.KeepResources)
	t.unlessFalse(`"deleteNamespace":`, o.DeleteNamespace)
	if o.IgnoreOptions != nil {
		t.other(`"ignore":`, o.IgnoreOptions)
	}
	if o.CorrectDrift != nil {
		t.other(`"correctDrift":`, o.CorrectDrift)
	}
	t.unlessNone(`"namespaceLabels":`, o.NamespaceLabels)
	t.unlessNone(`"namespaceAnnotations":`, o.NamespaceAnnotations)
	t.unlessFalse(`"deleteCRDResources":`, o.DeleteCRDResources)
	if len(o.DownstreamResources) > 0 {
		t.other(`"downstreamResources":`, o.DownstreamResources)
	}
	if len(o.Overwrites) > 0 {
		t.other(`"overwrites":`, o.Overwrites)
	}
	if o.AllowedTargetNamespaceSelector != nil {
		t.other(`"allowedTargetNamespaceSelector":`, o.AllowedTargetNamespaceSelector)
	}
	t.b = append(t.b, '}')
}

func (t *text) helm(h *v1alpha1.HelmOptions) {
	if len(h.ValuesFiles) > 0 {
		t.other(`"valuesFiles":`, h.ValuesFiles)
	}
	t.unlessEmpty(`"chart":`, h.Chart)
	t.unlessEmpty(`"repo":`, h.Repo)
	t.unlessEmpty(`"releaseName":`, h.ReleaseName)
	t.unlessEmpty(`"version":`, h.Version)
	t.unlessZero(`"timeoutSeconds":`, int64(h.TimeoutSeconds))
	if h.Values != nil {
		t.name(`"values":`)
		if len(h.Values.Data) == 0 {
			t.b = append(t.b, "{}"...)
		} else {
			t.object(h.Values.Data)
		}
	}
	t.unlessNone(`"templateValues":`, h.TemplateValues)
	if len(h.ValuesFrom) > 0 {
		t.other(`"valuesFrom":`, h.ValuesFrom)
	}
	t.unlessFalse(`"force":`, h.Force)
	t.unlessFalse(`"takeOwnership":`, h.TakeOwnership)
	t.unlessZero(`"maxHistory":`, int64(h.MaxHistory))
	t.unlessFalse(`"waitForJobs":`, h.WaitForJobs)
	t.unlessFalse(`"atomic":`, h.Atomic)
	t.unlessFalse(`"disablePreProcess":`, h.DisablePreProcess)
	t.unlessFalse(`"disableDNS":`, h.DisableDNS)
	t.unlessFalse(`"skipSchemaValidation":`, h.SkipSchemaValidation)
	t.unlessFalse(`"disableDependencyUpdate":`, h.DisableDependencyUpdate)
}

// same reports whether two options are certainly written the same. It looks no further than
// pointers, so it costs nothing, and may return false for equal options.
func same(a, b *v1alpha1.BundleDeploymentOptions) bool {
	return a.Helm == b.Helm && a.YAML == b.YAML && a.Kustomize == b.Kustomize && a.Diff == b.Diff &&
		a.IgnoreOptions == b.IgnoreOptions && a.CorrectDrift == b.CorrectDrift && a.CreateNamespace == b.CreateNamespace &&
		a.AllowedTargetNamespaceSelector == b.AllowedTargetNamespaceSelector &&
		a.ForceSyncGeneration == b.ForceSyncGeneration && a.KeepResources == b.KeepResources &&
		a.DeleteNamespace == b.DeleteNamespace && a.DeleteCRDResources == b.DeleteCRDResources &&
		a.DefaultNamespace == b.DefaultNamespace && a.TargetNamespace == b.TargetNamespace && a.ServiceAccount == b.ServiceAccount &&
		maps.Equal(a.NamespaceLabels, b.NamespaceLabels) && maps.Equal(a.NamespaceAnnotations, b.NamespaceAnnotations) &&
		slices.Equal(a.DownstreamResources, b.DownstreamResources) && slices.Equal(a.Overwrites, b.Overwrites)
}

// known holds the texts of options that were written, by their deployment IDs.
//
// Options are immutable and shared where they are the same (derive.Content), so the same
// value has the same text. An entry keeps its value alive, so that no other value can take
// its address.
type known struct {
	at    map[string]int
	all   []entry
	texts []byte
}

type entry struct {
	options  v1alpha1.BundleDeploymentOptions
	from, to int
}

const (
	// knownBytes bounds the total size of the texts, and knownEntries their number. If a
	// fleet uses more in turn, no text is found again, and each is written out.
	knownBytes   = 512 << 10
	knownEntries = 1024
	// knownAtMost is the size of the longest text that is kept.
	knownAtMost = 16 << 10
)

// write writes options, from a kept text if one exists.
func (k *known) write(t *text, id string, o *v1alpha1.BundleDeploymentOptions) {
	if id == "" {
		t.options(o)
		return
	}
	at, have := k.at[id]
	if have && same(&k.all[at].options, o) {
		t.b = append(t.b, k.texts[k.all[at].from:k.all[at].to]...)
		return
	}
	from := len(t.b)
	t.options(o)
	written := t.b[from:]
	if len(written) > knownAtMost || t.err != nil {
		return
	}
	if len(k.texts)+len(written) > knownBytes || len(k.all) == knownEntries {
		k.forget()
		have = false
	}
	if k.at == nil {
		k.at = map[string]int{}
	}
	e := entry{*o, len(k.texts), len(k.texts) + len(written)}
	k.texts = append(k.texts, written...)
	if have {
		k.all[at] = e
		return
	}
	k.at[id] = len(k.all)
	k.all = append(k.all, e)
}

func (k *known) forget() {
	clear(k.at)
	clear(k.all)
	k.all, k.texts = k.all[:0], k.texts[:0]
}
