// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/generated/openapi"
	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// node is a schema in the form of a CustomResourceDefinition.
type node = map[string]any

// written returns the kinds that clients write, in order.
func written() []*kinds.Kind {
	return slices.DeleteFunc(slices.Clone(kinds.All()), func(k *kinds.Kind) bool {
		_, ok := k.New().(v1alpha1.Written)
		return !ok
	})
}

// schemas returns the schema of each kind, from the table of S 1 and the published
// definitions of Kubernetes' own types.
func schemas(t cluster.T) map[string]node {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "pkg/apis/fleet/v1alpha1/testdata/fields.txt"))
	require.NoError(t, err)
	core := definitions(openapi.GetOpenAPIDefinitions(func(path string) spec.Ref { return spec.MustCreateRef("#/" + path) }))
	out := map[string]node{}
	for line := range strings.Lines(string(table)) {
		columns := strings.Split(strings.TrimSpace(line), "\t")
		if len(columns) != 4 || strings.HasPrefix(line, "#") {
			continue
		}
		kind, path, typ := columns[0], columns[1], columns[2]
		if out[kind] == nil {
			out[kind] = object()
		}
		at := out[kind]
		steps := strings.Split(path, ".")
		for _, step := range steps[:len(steps)-1] {
			at = below(at, step)
		}
		last := steps[len(steps)-1]
		if strings.HasSuffix(path, "ignore.conditions") {
			typ = "[]map[string]string" // by its meaning
		}
		leaf := core.leaf(last, typ)
		if columns[3] == "N" {
			leaf["nullable"] = true
		}
		properties(at)[last] = leaf
	}
	for kind, root := range out {
		complete(root)
		refine(kind, root)
	}
	return out
}

func object() node { return node{"type": "object", "properties": node{}} }

func properties(at node) node {
	if at["properties"] == nil {
		at["properties"] = node{}
	}
	return at["properties"].(node)
}

// below returns the schema at a step of a path: name, name[] or name{}.
func below(at node, step string) node {
	name, in := step, ""
	for _, suffix := range []string{"[]", "{}"} {
		if bare, ok := strings.CutSuffix(step, suffix); ok {
			name, in = bare, suffix
		}
	}
	to, ok := properties(at)[name].(node)
	if !ok {
		to = object()
		properties(at)[name] = to
	}
	switch in {
	case "[]":
		return to["items"].(node)
	case "{}":
		return to["additionalProperties"].(node)
	}
	return to
}

// complete removes empty lists of members: an object without members is of unknown type.
func complete(at node) {
	for _, name := range []string{"items", "additionalProperties"} {
		if to, ok := at[name].(node); ok {
			complete(to)
		}
	}
	if members, ok := at["properties"].(node); ok {
		if len(members) == 0 {
			delete(at, "properties")
		}
		for _, to := range members {
			complete(to.(node))
		}
	}
}

const (
	durationRule = `self == '0' || (self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$') && duration(self) <= duration('2562047h'))`
	quantityRule = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
)

// refine adds the rules of S 1.4 that are not types.
func refine(kind string, root node) {
	get := func(path ...string) node {
		at := root
		for _, step := range path {
			at = below(at, step)
		}
		return at
	}
	release := func(helm node) {
		name := properties(helm)["releaseName"].(node)
		name["maxLength"], name["pattern"] = 53, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	}
	duration := func(path ...string) {
		at := get(path...)
		at["minLength"], at["maxLength"] = 1, 32
		at["x-kubernetes-validations"] = []any{node{"rule": durationRule, "message": "must be a valid Go duration"}}
	}
	switch kind {
	case "Bundle", "HelmOp":
		release(get("spec", "helm"))
		release(get("spec", "targets[]", "helm"))
		mode := get("spec", "targetCustomizationMode")
		mode["enum"], mode["default"] = []any{"FirstMatch", "AllMatches"}, "FirstMatch"
		if kind == "HelmOp" {
			duration("spec", "pollingInterval")
		}
	case "ClusterRegistrationToken":
		duration("spec", "ttl")
	case "GitRepo":
		get("spec", "repo")["minLength"] = 1
		get("spec")["required"] = []any{"repo"}
		duration("spec", "pollingInterval")
		duration("spec", "imageScanInterval")
	case "ImageScan":
		get("spec")["required"] = []any{"image", "interval"}
		duration("spec", "interval")
	case "Schedule":
		duration("spec", "duration")
	}
}

// definitions are those of the published OpenAPI document, by name.
type definitions map[string]common.OpenAPIDefinition

func intOrString() node {
	return node{"x-kubernetes-int-or-string": true, "anyOf": []any{node{"type": "integer"}, node{"type": "string"}}}
}

// leaf returns the schema of a member of a type of the table.
func (d definitions) leaf(name, typ string) node {
	text := node{"type": "string"}
	switch typ {
	case "string":
		return text
	case "bool":
		return node{"type": "boolean"}
	case "int":
		return node{"type": "integer"}
	case "int64":
		return node{"type": "integer", "format": "int64"}
	case "bytes(b64)":
		return node{"type": "string", "format": "byte"}
	case "time":
		return node{"type": "string", "format": "date-time"}
	case "intstr":
		return intOrString()
	case "free-form obj":
		return node{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	case "[]string":
		return node{"type": "array", "items": text}
	case "map[string]string":
		return node{"type": "object", "additionalProperties": text}
	case "[]map[string]string":
		return node{"type": "array", "items": node{"type": "object", "additionalProperties": text}}
	case "map[string]obj":
		return node{"type": "object", "additionalProperties": object()}
	case "core Affinity":
		return d.of("Affinity")
	case "core ResourceRequirements":
		return d.of("ResourceRequirements")
	}
	kind := map[string]string{"agentEnvVars": "EnvVar", "agentPullSecrets": "LocalObjectReference", "agentTolerations": "Toleration", "secretRef": "LocalObjectReference"}[name]
	if strings.HasSuffix(strings.ToLower(name), "selector") {
		kind = "LabelSelector"
	}
	of := object()
	switch {
	case name == "conditions" && typ == "[]obj":
		of = node{"type": "object"} // its members follow
	case kind != "":
		of = d.of(kind)
	}
	if typ == "[]obj" {
		return node{"type": "array", "items": of}
	}
	return of
}

// of returns the definition of a type of Kubernetes, with everything that it refers to.
func (d definitions) of(kind string) node {
	for _, name := range slices.Sorted(maps.Keys(d)) {
		if strings.HasPrefix(name, "io.k8s.") && strings.HasSuffix(name, "."+kind) {
			return d.inline(d[name].Schema)
		}
	}
	panic("no definition of " + kind)
}

func (d definitions) inline(s spec.Schema) node {
	if path := s.Ref.String(); path != "" {
		return d.inline(d[strings.TrimPrefix(path, "#/")].Schema)
	}
	if len(s.AllOf) == 1 {
		return d.inline(s.AllOf[0])
	}
	switch {
	case s.Format == "int-or-string":
		return intOrString()
	case strings.Contains(s.Description, "fixed-point"):
		quantity := intOrString()
		quantity["pattern"] = quantityRule
		return quantity
	}
	out := node{"type": s.Type[0]}
	if s.Format != "" {
		out["format"] = s.Format
	}
	if s.Items != nil && s.Items.Schema != nil {
		out["items"] = d.inline(*s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		out["additionalProperties"] = d.inline(*s.AdditionalProperties.Schema)
	}
	for name, to := range s.Properties {
		properties(out)[name] = d.inline(to)
	}
	if len(s.Required) > 0 {
		var required []any
		for _, name := range s.Required {
			required = append(required, name)
		}
		out["required"] = required
	}
	return out
}
