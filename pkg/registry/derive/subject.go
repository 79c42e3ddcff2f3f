// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// subject is a Cluster as templates see it.
type subject struct {
	cluster *v1alpha1.Cluster
	facts   *Facts
	// match is the encoded targeting.Match, a part of the salt.
	match string
	// labels are the Cluster's, cleaned; context is made when first needed.
	labels  map[string]any
	context map[string]any
	// texts are what templates have come out as; each is executed once.
	texts map[*sandbox.Template]string
}

// execute evaluates a template, of part and key of the options, on the Cluster.
func (s *subject) execute(t *sandbox.Template, part, key string) (string, error) {
	if text, ok := s.texts[t]; ok {
		return text, nil
	}
	if s.context == nil {
		s.context = s.newContext()
	}
	c := s.cluster
	// One salt per template: a template that is added must not change what the
	// random functions of another return.
	salt := fmt.Sprintf("%q", []string{
		string(s.facts.BundleUID), string(c.UID), c.Namespace, c.Name, s.match, part, key,
	})
	text, err := t.Execute(sandbox.Environment{Seed: s.facts.Seed, Salt: salt, Time: s.facts.Time}, s.context)
	if err != nil {
		return "", fmt.Errorf("failed to render helm values template: %w", err)
	}
	if s.texts == nil {
		s.texts = map[*sandbox.Template]string{}
	}
	s.texts[t] = text
	return text, nil
}

// newContext returns what templates can refer to (S 3.3, step 7).
func (s *subject) newContext() map[string]any {
	c := s.cluster
	return map[string]any{
		"ClusterNamespace":  c.Namespace,
		"ClusterName":       c.Name,
		string(Labels):      s.labels,
		string(Annotations): cleanAnnotations(c.Annotations),
		string(Values):      normalizeMap(templateValues(c)),
	}
}

// isForeign reports whether a key belongs to a tool rather than to the user.
func isForeign(key string) bool {
	return strings.HasPrefix(key, "kubectl.kubernetes.io/") || strings.Contains(key, "cattle.io/")
}

// isShown reports whether a label of a Cluster can be used in values: Fleet's
// and Rancher's own can, other tools' cannot.
func isShown(key string) bool {
	return !isForeign(key) || strings.HasPrefix(key, "fleet.cattle.io/") || strings.HasPrefix(key, "management.cattle.io/")
}

// HasTemplateLabels reports whether any of a Cluster's labels can be used in
// values. A Cluster that has none gets values as they are (S 3.3, step 2).
func HasTemplateLabels(labels map[string]string) bool {
	for key := range labels {
		if isShown(key) {
			return true
		}
	}
	return false
}

func cleanLabels(labels map[string]string) map[string]any {
	out := make(map[string]any, len(labels))
	for key, value := range labels {
		if isShown(key) {
			out[key] = value
		}
	}
	return out
}

func cleanAnnotations(annotations map[string]string) map[string]any {
	out := make(map[string]any, len(annotations))
	for key, value := range annotations {
		if !isForeign(key) {
			out[key] = value
		}
	}
	return out
}

// normalizeMap copies values and makes all numbers float64, as those that come
// through Fleet's JSON are (S 4.2).
func normalizeMap(m map[string]any) map[string]any {
	out := make(map[string]any, len(m))
	for key, value := range m {
		out[key] = normalize(value)
	}
	return out
}

func normalizeHelm(helm *v1alpha1.HelmOptions) *v1alpha1.HelmOptions {
	if helm == nil || helm.Values == nil {
		return helm
	}
	out := *helm
	out.Values = &v1alpha1.GenericMap{Data: normalizeMap(helm.Values.Data)}
	return &out
}

func normalize(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return normalizeMap(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = normalize(v[i])
		}
		return out
	case int64:
		return float64(v)
	case int:
		return float64(v)
	case uint64:
		return float64(v)
	}
	return value
}
