// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"encoding/json"
	"math/big"
)

type difference struct {
	// what and why describe it.
	what, why string
	// refused is true if Muster refuses what the schema accepts. Otherwise only what is
	// read back may differ.
	refused bool
	// of reports whether the sent object has this difference.
	of func(kind string, sent map[string]any) bool
	// settle removes the difference from kube-apiserver's answer.
	settle func(read any)
}

// differences lists all of them. Any other difference is a fault.
var differences = []difference{{
	what:    "free-form values (helm.values, a Cluster's templateValues) of more than 50 levels are refused",
	why:     "Fleet follows labels into 50 levels and fails for each Cluster on more; as YAML such values grow with the square of their depth",
	refused: true,
	of: func(_ string, sent map[string]any) bool {
		return anywhere(sent, func(name string, v any) bool {
			return (name == "values" || name == "templateValues") && levels(v, false) > 51
		})
	},
}, {
	what:    "a GitRepo without spec is refused",
	why:     "without a repository there is nothing that could be done; the schema only forgets to require spec itself",
	refused: true,
	of:      func(kind string, sent map[string]any) bool { return kind == "GitRepo" && sent["spec"] == nil },
}, {
	what:    "an ImageScan without spec, with an empty or null image, or with a null interval is refused",
	why:     "there is nothing to scan, or no time to do so",
	refused: true,
	of: func(kind string, sent map[string]any) bool {
		spec, _ := sent["spec"].(map[string]any)
		return kind == "ImageScan" && (spec == nil || spec["image"] == nil || spec["image"] == "" || spec["interval"] == nil)
	},
}, {
	what:    "an environment variable of an agent with an empty name is refused",
	why:     "no Pod can have one, so the agent could not be deployed",
	refused: true,
	of: func(kind string, sent map[string]any) bool {
		return kind == "Cluster" && anywhere(sent["spec"], func(name string, v any) bool {
			variables, _ := v.([]any)
			for _, variable := range variables {
				if variable, ok := variable.(map[string]any); ok && name == "agentEnvVars" && variable["name"] == "" {
					return true
				}
			}
			return false
		})
	},
}, {
	what:    "an integer that does not fit into 64 bits, or into 32 where that is the field's size, is refused",
	why:     "Fleet's own programs cannot read such an object",
	refused: true,
	of: func(_ string, sent map[string]any) bool {
		return anywhere(sent, func(_ string, v any) bool {
			n, ok := v.(json.Number)
			if !ok {
				return false
			}
			f, _, err := big.ParseFloat(n.String(), 10, 200, big.ToNearestEven)
			return err == nil && f.IsInt() && f.Abs(f).Cmp(big.NewFloat(1<<31)) >= 0
		})
	},
}, {
	what:    "a list where bytes in base64 belong (caBundle, helmOpCABundle) is refused",
	why:     "the validation of schemas takes a list for bytes by accident; Fleet's own programs cannot read such an object",
	refused: true,
	of: func(_ string, sent map[string]any) bool {
		return anywhere(sent, func(name string, v any) bool {
			_, list := v.([]any)
			return list && (name == "caBundle" || name == "helmOpCABundle")
		})
	},
}, {
	what: `a reference to a Secret (imageScan secretRef, agentPullSecrets) without a name is read without one, not with the name ""`,
	why:  "the default is an accident of the schema's generator: both name no Secret",
	of:   func(kind string, _ map[string]any) bool { return kind == "ImageScan" || kind == "Cluster" },
	settle: func(read any) {
		unnamed := func(v any) {
			if reference, ok := v.(map[string]any); ok && reference["name"] == "" {
				delete(reference, "name")
			}
		}
		anywhere(read, func(name string, v any) bool {
			if name == "secretRef" {
				unnamed(v)
			}
			if list, ok := v.([]any); ok && name == "agentPullSecrets" {
				for _, item := range list {
					unnamed(item)
				}
			}
			return false
		})
	},
}, {
	what: "a Bundle or a HelmOp without spec is read with spec.targetCustomizationMode, the default",
	why:  "it is what an empty spec means, and what one with any other member is read with",
	of: func(kind string, sent map[string]any) bool {
		return (kind == "Bundle" || kind == "HelmOp") && sent["spec"] == nil
	},
	settle: func(read any) { delete(read.(map[string]any), "spec") },
}, {
	what: "an empty agentSchedulingCustomization of a Cluster is read without one",
	why:  "Fleet's controller removes it by a write of its own",
	of:   func(kind string, _ map[string]any) bool { return kind == "Cluster" },
	settle: func(read any) {
		spec, _ := read.(map[string]any)["spec"].(map[string]any)
		if custom, ok := spec["agentSchedulingCustomization"].(map[string]any); ok && len(custom) == 0 {
			delete(spec, "agentSchedulingCustomization")
		}
	},
}}

// anywhere reports whether is returns true for a member of an object, at any depth.
func anywhere(v any, is func(name string, v any) bool) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, below := range v {
			if is(name, below) || anywhere(below, is) {
				return true
			}
		}
	case []any:
		for _, below := range v {
			if is("", below) || anywhere(below, is) {
				return true
			}
		}
	}
	return false
}

// levels counts objects, and lists in lists, from the outermost to the innermost.
func levels(v any, inList bool) int {
	most := 0
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			most = max(most, levels(below, false))
		}
		return most + 1
	case []any:
		for _, below := range v {
			most = max(most, levels(below, true))
		}
		if inList {
			most++
		}
	}
	return most
}
