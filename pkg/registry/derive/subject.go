// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"errors"
	"fmt"
	"maps"
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
	// labels are the Cluster's labels, cleaned. context is built when first needed.
	labels  map[string]any
	context map[string]any
	// seesValues says that a template looks at the Cluster's values. They may be large, and
	// most templates do not.
	seesValues bool
	// budget is for everything that is evaluated. What is charged depends on what was
	// prepared and on rendered texts, never on what other callers evaluated.
	budget sandbox.Budget
	// outcomes hold what templates rendered. Each template is executed once, because it may
	// write into the context.
	outcomes map[*sandbox.Template]outcome
}

// outcome is the text that a template rendered, or the error.
type outcome struct {
	text string
	err  error
}

// execute evaluates a template on the Cluster; part and key say where it is in the options.
// All templates of the options share one context: a later one sees what an earlier one set.
func (s *subject) execute(t *sandbox.Template, part, key string) (string, error) {
	if o, ok := s.outcomes[t]; ok {
		return o.text, o.err
	}
	var o outcome
	o.text, o.err = s.executeOnce(t, part, key)
	if s.outcomes == nil {
		s.outcomes = map[*sandbox.Template]outcome{}
	}
	s.outcomes[t] = o
	return o.text, o.err
}

func (s *subject) executeOnce(t *sandbox.Template, part, key string) (string, error) {
	if s.context == nil {
		if err := s.use(part, key, s.seeing()); err != nil {
			return "", err
		}
		s.context = s.newContext()
	}
	c := s.cluster
	// One salt per template: adding a template must not change what the random functions
	// return in another.
	salt := fmt.Sprintf("%q", []string{
		string(s.facts.BundleUID), string(c.UID), c.Namespace, c.Name, s.match, part, key,
	})
	text, err := t.Execute(sandbox.Environment{Seed: s.facts.Seed, Salt: salt, Time: s.facts.Time}, s.context, &s.budget)
	switch {
	case errors.Is(err, sandbox.ErrBudget):
		return "", tooCostly(part, key, err)
	case err != nil:
		return "", fmt.Errorf("failed to render helm values template: %w", err)
	}
	// Reading the text is charged here, so that it is charged even if the content is known
	// from another Cluster.
	return text, s.use(part, key, reading(text))
}

// use charges units for a part and key of the options.
func (s *subject) use(part, key string, units int) error {
	if err := s.budget.Use(units); err != nil {
		return tooCostly(part, key, err)
	}
	return nil
}

// tooCostly returns the error that names the field at which the budget ran out.
func tooCostly(part, key string, err error) error {
	field := "helm." + part
	if key != "" {
		field += "[" + key + "]"
	}
	return fmt.Errorf("failed to render helm values template: at %s, %w", field, err)
}

// seeing returns the work of building the context.
func (s *subject) seeing() int {
	units := 20 * (len(s.cluster.Labels) + len(s.cluster.Annotations))
	if s.seesValues {
		units += extentOf(templateValues(s.cluster)).copying()
	}
	return units
}

// newContext returns what templates can refer to (S 3.3, step 7). Templates can write into
// it, so nothing else may refer to it.
func (s *subject) newContext() map[string]any {
	c := s.cluster
	var values map[string]any
	if s.seesValues {
		values = templateValues(c)
	}
	return map[string]any{
		"ClusterNamespace":  c.Namespace,
		"ClusterName":       c.Name,
		string(Labels):      maps.Clone(s.labels),
		string(Annotations): cleanAnnotations(c.Annotations),
		string(Values):      normalizeMap(values),
	}
}

// isForeign reports whether a key belongs to a tool rather than to the user.
func isForeign(key string) bool {
	return strings.HasPrefix(key, "kubectl.kubernetes.io/") || strings.Contains(key, "cattle.io/")
}

// isShown reports whether values can use a label of a Cluster: labels of tools are hidden,
// but Fleet's and Rancher's are not.
func isShown(key string) bool {
	return !isForeign(key) || strings.HasPrefix(key, "fleet.cattle.io/") || strings.HasPrefix(key, "management.cattle.io/")
}

// HasTemplateLabels reports whether values can use any of a Cluster's labels. A Cluster
// without such a label gets values as they are (S 3.3, step 2).
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

// normalizeMap copies values and makes all numbers float64, like those that pass through
// Fleet's JSON (S 4.2).
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
