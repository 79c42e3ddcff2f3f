// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// members returns the names of the members of a value's JSON, in order.
func members(t *testing.T, value any) []string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	_, err = decoder.Token()
	require.NoError(t, err)
	var names []string
	for decoder.More() {
		name, err := decoder.Token()
		require.NoError(t, err)
		names = append(names, name.(string))
		var skipped json.RawMessage
		require.NoError(t, decoder.Decode(&skipped))
	}
	return names
}

func TestMembersAreWrittenInTheOrderOfTheDeploymentIDHash(t *testing.T) {
	t.Parallel()
	ref := v1alpha1.LocalObjectReference{Name: "n"}
	options := v1alpha1.BundleDeploymentOptions{
		YAML:             &v1alpha1.YAMLOptions{},
		Kustomize:        &v1alpha1.KustomizeOptions{},
		DefaultNamespace: "x",
		TargetNamespace:  "x",
		Helm: &v1alpha1.HelmOptions{
			ValuesFiles: []string{"x"}, Chart: "x", Repo: "x", ReleaseName: "x", Version: "x", TimeoutSeconds: 1,
			Values: &v1alpha1.GenericMap{}, TemplateValues: map[string]string{"x": "x"},
			ValuesFrom: []v1alpha1.ValuesFrom{{
				ConfigMapKeyRef: &v1alpha1.ConfigMapKeySelector{LocalObjectReference: ref, Namespace: "x", Key: "x"},
				SecretKeyRef:    &v1alpha1.SecretKeySelector{LocalObjectReference: ref, Namespace: "x", Key: "x"},
			}},
			Force: true, TakeOwnership: true, MaxHistory: 1, WaitForJobs: true, Atomic: true, DisablePreProcess: true,
			DisableDNS: true, SkipSchemaValidation: true, DisableDependencyUpdate: true,
		},
		ServiceAccount:                 "x",
		CreateNamespace:                new(false),
		ForceSyncGeneration:            1,
		KeepResources:                  true,
		DeleteNamespace:                true,
		IgnoreOptions:                  &v1alpha1.IgnoreOptions{},
		NamespaceLabels:                map[string]string{"x": "x"},
		NamespaceAnnotations:           map[string]string{"x": "x"},
		DeleteCRDResources:             true,
		DownstreamResources:            []v1alpha1.DownstreamResource{{Kind: "x", Name: "x"}},
		Overwrites:                     []v1alpha1.OverwrittenResource{{Kind: "x", Name: "x", Namespace: "x"}},
		AllowedTargetNamespaceSelector: &metav1.LabelSelector{},
	}
	// S 4.2.
	require.Equal(t, []string{
		"yaml", "kustomize", "defaultNamespace", "namespace", "helm", "serviceAccount", "createNamespace",
		"forceSyncGeneration", "keepResources", "deleteNamespace", "ignore", "namespaceLabels", "namespaceAnnotations",
		"deleteCRDResources", "downstreamResources", "overwrites", "allowedTargetNamespaceSelector",
	}, members(t, options))
	require.Equal(t, []string{
		"valuesFiles", "chart", "repo", "releaseName", "version", "timeoutSeconds", "values", "templateValues",
		"valuesFrom", "force", "takeOwnership", "maxHistory", "waitForJobs", "atomic", "disablePreProcess", "disableDNS",
		"skipSchemaValidation", "disableDependencyUpdate",
	}, members(t, options.Helm))
	require.Equal(t, []string{"configMapKeyRef", "secretKeyRef"}, members(t, options.Helm.ValuesFrom[0]))
	require.Equal(t, []string{"name", "namespace", "key"}, members(t, options.Helm.ValuesFrom[0].ConfigMapKeyRef))
	require.Equal(t, []string{"name", "namespace", "key"}, members(t, options.Helm.ValuesFrom[0].SecretKeyRef))
	require.Equal(t, []string{"kind", "name"}, members(t, options.DownstreamResources[0]))
	require.Equal(t, []string{"name", "namespace", "kind"}, members(t, options.Overwrites[0]))
	require.Equal(t, []string{"matchLabels", "matchExpressions"}, members(t, metav1.LabelSelector{
		MatchLabels:      map[string]string{"x": "x"},
		MatchExpressions: []metav1.LabelSelectorRequirement{{}},
	}))
}

func TestOptionsHashToTheKnownAnswers(t *testing.T) {
	t.Parallel()
	// S 4.3.
	for _, test := range []struct {
		name    string
		options v1alpha1.BundleDeploymentOptions
		digest  string
	}{{
		name:   "no options at all",
		digest: "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
	}, {
		name:    "an empty helm object is written",
		options: v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{}},
		digest:  "2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145",
	}, {
		name:    "empty values are written",
		options: v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{Data: map[string]any{}}}},
		digest:  "8d96a4308f7b6e49dab44dcc7a69a9fa83af5408048c784cac781f9b498488a0",
	}, {
		name:    "values that hold nothing are empty values",
		options: v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{Values: &v1alpha1.GenericMap{}}},
		digest:  "8d96a4308f7b6e49dab44dcc7a69a9fa83af5408048c784cac781f9b498488a0",
	}, {
		name:    "the target namespace is written as namespace, before helm",
		options: v1alpha1.BundleDeploymentOptions{TargetNamespace: "targetNs", Helm: &v1alpha1.HelmOptions{}},
		digest:  "45d85ec3ae896d12259c505345f86afa23e6b116d6a20ca95a1f6c6fb810dedb",
	}, {
		name: "values are escaped for HTML",
		options: v1alpha1.BundleDeploymentOptions{
			DefaultNamespace: "ns",
			Helm:             &v1alpha1.HelmOptions{Chart: "a", Values: &v1alpha1.GenericMap{Data: map[string]any{"a": "<b>", "n": float64(3)}}},
		},
		digest: "9af6ef5fdd7c4de07373fa97cb216758f114417bbb46da600f1c7ad6cef42c0f",
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			require.NoError(t, json.NewEncoder(&text).Encode(test.options))
			digest := sha256.Sum256(text.Bytes())
			require.Equal(t, test.digest, hex.EncodeToString(digest[:]), text.String())
		})
	}
}

func TestEmptyMembersThatClientsRelyOnAreWritten(t *testing.T) {
	t.Parallel()
	const (
		counts  = `{"ready":0,"desiredReady":0,"waitApplied":0,"modified":0,"orphaned":0,"missing":0,"unknown":0,"notReady":0}`
		summary = `{"ready":0,"desiredReady":0}`
		base    = `"readyClusters":0,"desiredReadyClusters":0,"summary":` + summary + `,"display":{},"resourceCounts":` + counts
	)
	for _, test := range []struct {
		name  string
		value any
		json  string
	}{{
		name:  "a BundleDeployment has both options, and a status with display and all eight counters",
		value: v1alpha1.BundleDeployment{},
		json:  `{"metadata":{},"spec":{"stagedOptions":{},"options":{}},"status":{"display":{},"resourceCounts":` + counts + `}}`,
	}, {
		name:  "a Cluster has a status, because an agent's heartbeat adds a member to it",
		value: v1alpha1.Cluster{},
		json: `{"metadata":{},"spec":{},"status":{"summary":` + summary + `,"resourceCounts":` + counts +
			`,"readyGitRepos":0,"desiredReadyGitRepos":0,"readyHelmOps":0,"desiredReadyHelmOps":0,"display":{},"agent":{}}}`,
	}, {
		name:  "a Bundle has a status with display and summary",
		value: v1alpha1.Bundle{},
		json: `{"metadata":{},"spec":{},"status":{"summary":` + summary + `,"unavailable":0,"unavailablePartitions":0,` +
			`"maxUnavailable":0,"maxUnavailablePartitions":0,"display":{},"observedGeneration":0}}`,
	}, {
		name:  "a ClusterGroup has a status with display and counters",
		value: v1alpha1.ClusterGroup{},
		json: `{"metadata":{},"spec":{},"status":{"clusterCount":0,"nonReadyClusterCount":0,"summary":` + summary +
			`,"display":{},"resourceCounts":` + counts + `}}`,
	}, {
		name:  "a GitRepo has the status that it shares with a HelmOp",
		value: v1alpha1.GitRepo{},
		json:  `{"metadata":{},"spec":{"repo":""},"status":{` + base + `,"observedGeneration":0}}`,
	}, {
		name:  "a HelmOp has the status that it shares with a GitRepo",
		value: v1alpha1.HelmOp{},
		json:  `{"metadata":{},"spec":{},"status":{` + base + `}}`,
	}, {
		name:  "a deployed object lists the Clusters by its state on them",
		value: v1alpha1.DeployedResource{},
		json:  `{"perClusterState":{}}`,
	}, {
		name: "empty maps and lists are left out, because an agent obeys an empty map of labels",
		value: v1alpha1.BundleDeploymentOptions{
			NamespaceLabels: map[string]string{}, NamespaceAnnotations: map[string]string{},
			DownstreamResources: []v1alpha1.DownstreamResource{}, Overwrites: []v1alpha1.OverwrittenResource{},
		},
		json: `{}`,
	}, {
		name: "objects that are present and empty are written",
		value: v1alpha1.BundleDeploymentOptions{
			YAML: &v1alpha1.YAMLOptions{}, Kustomize: &v1alpha1.KustomizeOptions{}, Diff: &v1alpha1.DiffOptions{},
			IgnoreOptions: &v1alpha1.IgnoreOptions{}, CorrectDrift: &v1alpha1.CorrectDrift{},
		},
		json: `{"yaml":{},"kustomize":{},"diff":{},"ignore":{},"correctDrift":{}}`,
	}, {
		name:  "the name of a key reference is written even if it is empty",
		value: v1alpha1.ValuesFrom{SecretKeyRef: &v1alpha1.SecretKeySelector{}},
		json:  `{"secretKeyRef":{"name":""}}`,
	}, {
		name:  "a createNamespace of false is written",
		value: v1alpha1.BundleDeploymentOptions{CreateNamespace: new(false)},
		json:  `{"createNamespace":false}`,
	}, {
		name:  "a target's labels for the namespace are those of its options",
		value: v1alpha1.BundleTarget{Name: "t", BundleDeploymentOptions: v1alpha1.BundleDeploymentOptions{NamespaceLabels: map[string]string{"a": "b"}}},
		json:  `{"namespaceLabels":{"a":"b"},"name":"t"}`,
	}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(test.value)
			require.NoError(t, err)
			require.Equal(t, test.json, string(text))
		})
	}
}

func TestOnlyTheCustomizationModeHasADefault(t *testing.T) {
	t.Parallel()
	scheme := newScheme()
	for _, kind := range kinds {
		object, err := scheme.New(v1alpha1.SchemeGroupVersion.WithKind(kind))
		require.NoError(t, err)
		want := object.DeepCopyObject()
		switch want := want.(type) {
		case *v1alpha1.Bundle:
			want.Spec.TargetCustomizationMode = v1alpha1.TargetCustomizationFirstMatch
		case *v1alpha1.HelmOp:
			want.Spec.TargetCustomizationMode = v1alpha1.TargetCustomizationFirstMatch
		}
		scheme.Default(object)
		require.Equal(t, want, object, kind)
	}

	bundle := &v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{TargetCustomizationMode: v1alpha1.TargetCustomizationAllMatches}}
	scheme.Default(bundle)
	require.Equal(t, v1alpha1.TargetCustomizationAllMatches, bundle.Spec.TargetCustomizationMode, "a mode that is set remains")
}
