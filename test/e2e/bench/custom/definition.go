// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package custom holds what Muster is compared with: the same objects as custom resources
// of a real kube-apiserver. Put stores them in its etcd, which it watches, so loading takes
// seconds. The measured requests go through its API.
package custom

// schema is part of the definition, in the form of OpenAPI.
type schema map[string]any

func of(kind string) schema { return schema{"type": kind} }

func object(properties schema) schema { return schema{"type": "object", "properties": properties} }

func list(item schema) schema { return schema{"type": "array", "items": item} }

// open returns the schema of an object with any members. The options have too many to list,
// and kube-apiserver spends less on members that it does not check.
func open() schema {
	return schema{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
}

func members(kind string, names ...string) schema {
	out := schema{}
	for _, name := range names {
		out[name] = of(kind)
	}
	return out
}

func texts(names ...string) schema { return members("string", names...) }

func with(a schema, more schema) schema {
	for name, s := range more {
		a[name] = s
	}
	return a
}

// definition makes BundleDeployment a custom resource of a group, with a status
// subresource. It leaves the options open, unlike Fleet's own definition.
func definition(group string) map[string]any {
	place := func() schema { return texts("kind", "apiVersion", "namespace", "name") }
	flag := of("boolean")
	spec := with(texts("stagedDeploymentID", "deploymentID", "valuesHash"), schema{
		"paused": flag, "offSchedule": flag, "waitingForValues": flag, "ociContents": flag,
		"stagedOptions": open(), "options": open(), "correctDrift": open(), "helmChartOptions": open(),
		"dependsOn": list(open()), "downstreamResourcesGeneration": of("integer"),
	})
	summary := with(texts("state"), schema{"error": flag, "transitioning": flag, "message": list(of("string"))})
	status := with(texts("appliedDeploymentID", "release"), schema{
		"conditions": list(object(texts("type", "status", "lastUpdateTime", "lastTransitionTime", "reason", "message"))),
		"ready":      flag, "nonModified": flag, "incompleteState": flag,
		"syncGeneration": of("integer"), "downstreamResourcesGeneration": of("integer"),
		"display":        object(texts("deployed", "monitored", "state")),
		"resources":      list(object(with(place(), texts("createdAt")))),
		"resourceCounts": object(members("integer", "ready", "desiredReady", "waitApplied", "modified", "orphaned", "missing", "unknown", "notReady")),
		"nonReadyStatus": list(object(with(place(), schema{"uid": of("string"), "summary": object(summary)}))),
		"modifiedStatus": list(object(with(place(), schema{"missing": flag, "exist": flag, "delete": flag, "patch": of("string")}))),
	})
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "bundledeployments." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced",
			"names": map[string]any{"plural": "bundledeployments", "singular": "bundledeployment", "kind": "BundleDeployment", "listKind": "BundleDeploymentList"},
			"versions": []any{map[string]any{
				"name": "v1alpha1", "served": true, "storage": true, "subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": object(schema{"spec": object(spec), "status": object(status)})},
			}},
		},
	}
}
