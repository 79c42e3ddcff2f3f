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
	// labels are the Cluster's, cleaned; context is made when first needed.
	labels  map[string]any
	context map[string]any
	// seesValues: a template looks at the Cluster's values. They may be large, and most
	// do not.
	seesValues bool
	// budget is for all that is evaluated. What it is asked for depends on what was
	// prepared and on texts that came out, and not on what others have evaluated.
	budget sandbox.Budget
	// outcomes are what templates have come out as; each is executed once, as it may
	// write into the context.
	outcomes map[*sandbox.Template]outcome
}

// outcome is the text of a template, or why there is none.
type outcome struct {
	text string
	err  error
}

// execute evaluates a template, of part and key of the options, on the Cluster. All
// templates of the options share one context: what one sets, the next ones see.
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
	// One salt per template: a template that is added must not change what the
	// random functions of another return.
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
	// To read the text is charged here, so that it is charged also where the content is
	// known from another Cluster.
	return text, s.use(part, key, reading(text))
}

// use takes units of the budget for a part and key of the options.
func (s *subject) use(part, key string, units int) error {
	if err := s.budget.Use(units); err != nil {
		return tooCostly(part, key, err)
	}
	return nil
}

// tooCostly says which field was evaluated when the budget was used up.
func tooCostly(part, key string, err error) error {
	field := "helm." + part
	if key != "" {
		field += "[" + key + "]"
	}
	return fmt.Errorf("failed to render helm values template: at %s, %w", field, err)
}

// seeing is the work of making the context.
func (s *subject) seeing() int {
	units := 20 * (len(s.cluster.Labels) + len(s.cluster.Annotations))
	if s.seesValues {
		units += extentOf(templateValues(s.cluster)).copying()
	}
	return units
}

// newContext returns what templates can refer to (S 3.3, step 7). Nothing else refers to
// it, because templates can write into it.
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
