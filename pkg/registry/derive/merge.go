// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// merge puts the options of a target onto base (S 3.1). Options that a target cannot set
// come from base. The result shares with both everything that did not change.
func merge(base, custom *v1alpha1.BundleDeploymentOptions) v1alpha1.BundleDeploymentOptions {
	out := *base
	out.DefaultNamespace = cmp.Or(custom.DefaultNamespace, base.DefaultNamespace)
	out.TargetNamespace = cmp.Or(custom.TargetNamespace, base.TargetNamespace)
	out.ServiceAccount = cmp.Or(custom.ServiceAccount, base.ServiceAccount)
	if custom.Helm != nil {
		out.Helm = mergeHelm(base.Helm, custom.Helm)
	}
	if custom.Kustomize != nil {
		out.Kustomize = &v1alpha1.KustomizeOptions{Dir: custom.Kustomize.Dir}
		if base.Kustomize != nil {
			out.Kustomize.Dir = cmp.Or(custom.Kustomize.Dir, base.Kustomize.Dir)
		}
	}
	if custom.Diff != nil {
		var patches []v1alpha1.ComparePatch
		if base.Diff != nil {
			patches = base.Diff.ComparePatches
		}
		out.Diff = &v1alpha1.DiffOptions{ComparePatches: mergeKeyed(patches, custom.Diff.ComparePatches, patchIdentity)}
	}
	if custom.YAML != nil {
		out.YAML = &v1alpha1.YAMLOptions{}
		if base.YAML != nil {
			out.YAML.Overlays = base.YAML.Overlays
		}
		out.YAML.Overlays = slices.Concat(out.YAML.Overlays, custom.YAML.Overlays)
	}
	if custom.ForceSyncGeneration > 0 {
		out.ForceSyncGeneration = custom.ForceSyncGeneration
	}
	out.KeepResources = base.KeepResources || custom.KeepResources
	if custom.CorrectDrift != nil {
		out.CorrectDrift = custom.CorrectDrift
	}
	out.DownstreamResources = mergeKeyed(base.DownstreamResources, custom.DownstreamResources, downstreamIdentity)
	return out
}

func mergeHelm(base, custom *v1alpha1.HelmOptions) *v1alpha1.HelmOptions {
	out := &v1alpha1.HelmOptions{}
	if base != nil {
		*out = *base
	}
	out.Repo = cmp.Or(custom.Repo, out.Repo)
	out.Chart = cmp.Or(custom.Chart, out.Chart)
	out.Version = cmp.Or(custom.Version, out.Version)
	out.ReleaseName = cmp.Or(custom.ReleaseName, out.ReleaseName)
	switch {
	case custom.TimeoutSeconds > 0:
		out.TimeoutSeconds = custom.TimeoutSeconds
	case custom.TimeoutSeconds < 0:
		out.TimeoutSeconds = 0
	}
	switch {
	case custom.Values == nil:
	case out.Values == nil:
		out.Values = custom.Values
	default:
		out.Values = &v1alpha1.GenericMap{Data: mergeMaps(out.Values.Data, custom.Values.Data)}
	}
	switch {
	case custom.TemplateValues == nil:
	case out.TemplateValues == nil:
		out.TemplateValues = custom.TemplateValues
	default:
		merged := maps.Clone(out.TemplateValues)
		maps.Copy(merged, custom.TemplateValues)
		out.TemplateValues = merged
	}
	out.ValuesFrom = mergeKeyed(out.ValuesFrom, custom.ValuesFrom, valuesFromIdentity)
	out.Force = out.Force || custom.Force
	out.Atomic = out.Atomic || custom.Atomic
	out.TakeOwnership = out.TakeOwnership || custom.TakeOwnership
	out.DisablePreProcess = out.DisablePreProcess || custom.DisablePreProcess
	out.WaitForJobs = out.WaitForJobs || custom.WaitForJobs
	out.DisableDNS = out.DisableDNS || custom.DisableDNS
	return out
}

// mergeMaps merges maps into maps; any other value of custom replaces the one in base.
func mergeMaps(base, custom map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(custom))
	maps.Copy(out, base)
	for key, value := range custom {
		under, ok := out[key].(map[string]any)
		over, isMap := value.(map[string]any)
		if ok && isMap {
			value = mergeMaps(under, over)
		}
		out[key] = value
	}
	return out
}

// mergeKeyed replaces entries of base by the entries of custom with the same identity, and
// appends the others. If two entries of custom share an identity, the first counts; if two
// of base do, custom replaces the last. An entry for which identify returns false has no
// identity, and is appended.
func mergeKeyed[T any](base, custom []T, identify func(*T) (string, bool)) []T {
	if len(custom) == 0 {
		return base
	}
	out := slices.Clone(base)
	at := make(map[string]int, len(base)+len(custom))
	for i := range base {
		if identity, ok := identify(&base[i]); ok {
			at[identity] = i
		}
	}
	done := make(map[string]bool, len(custom))
	for i := range custom {
		identity, ok := identify(&custom[i])
		if !ok {
			out = append(out, custom[i])
			continue
		}
		if done[identity] {
			continue
		}
		done[identity] = true
		if j, ok := at[identity]; ok {
			out[j] = custom[i]
			continue
		}
		out = append(out, custom[i])
	}
	return out
}

// identityOf joins the parts of an identity as Fleet does. Two entries with nothing set
// have the same identity.
func identityOf(parts ...string) (string, bool) { return strings.Join(parts, "|"), true }

func patchIdentity(p *v1alpha1.ComparePatch) (string, bool) {
	return identityOf(p.APIVersion, p.Kind, p.Namespace, p.Name)
}

func downstreamIdentity(r *v1alpha1.DownstreamResource) (string, bool) {
	return identityOf(strings.ToLower(r.Kind), r.Name)
}

// valuesFromIdentity returns false for an entry that names no source.
func valuesFromIdentity(v *v1alpha1.ValuesFrom) (string, bool) {
	switch {
	case v.ConfigMapKeyRef != nil:
		return identityOf("configmap", v.ConfigMapKeyRef.Namespace, v.ConfigMapKeyRef.Name, v.ConfigMapKeyRef.Key)
	case v.SecretKeyRef != nil:
		return identityOf("secret", v.SecretKeyRef.Namespace, v.SecretKeyRef.Name, v.SecretKeyRef.Key)
	}
	return "", false
}
