// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive/sandbox"
)

// labelPrefix begins a value that stands for a label of the Cluster.
const labelPrefix = "global.fleet.clusterLabels."

// maxLabelDepth bounds the depth of the search for labels.
const maxLabelDepth = 50

// values are the Helm values of merged options, prepared for evaluation on any
// number of Clusters (S 3.3). They are immutable.
type values struct {
	// data are the merged values, never nil.
	data map[string]any
	// extent is the extent of data as merged.
	extent extent
	// absent says that neither values nor templates need evaluation.
	absent bool
	// substitutes says that some value stands for a label.
	substitutes bool
	// source is the template of data. It is nil if data is plain, or if labels have to be
	// put in first.
	source *sandbox.Template
	// templated says that data holds a template.
	templated bool
	// keyed are the templateValues, sorted by key.
	keyed []keyedTemplate
	// seesValues says that a template can look at the values of the Cluster.
	seesValues bool
	// err is the error on every Cluster with labels.
	err error
}

type keyedTemplate struct {
	key      string
	template *sandbox.Template
	// value is the value of a text without a template.
	value any
}

// newValues prepares the values of normalized options. It costs at most maxPreparation, and
// O(size) for values without templates and labels.
func newValues(helm *v1alpha1.HelmOptions) *values {
	v := &values{data: map[string]any{}}
	if helm == nil {
		v.absent = true
		return v
	}
	if helm.Values != nil && helm.Values.Data != nil {
		v.data = helm.Values.Data
	}
	v.absent = len(v.data) == 0 && helm.TemplateValues == nil
	if v.absent {
		return v
	}
	v.err = eachLabel(v.data, 0, func(string) { v.substitutes = true })
	if v.err != nil {
		return v
	}
	v.extent = extentOf(v.data)
	if v.extent.deep {
		v.err = errValuesTooDeep
		return v
	}
	if helm.DisablePreProcess {
		return v
	}
	v.err = v.parse(helm.TemplateValues)
	v.reads(func(r Read) { v.seesValues = v.seesValues || r.Part == Values })
	return v
}

// parse parses all templates. A text without the opening delimiter is not a template.
func (v *values) parse(texts map[string]string) error {
	v.templated = holdsText(v.data, sandbox.Open)
	work := 0
	if v.templated || !v.substitutes && !staysItself(v.data) {
		work = v.extent.writing()
	}
	for _, text := range texts {
		work += parsing(text)
	}
	if work > maxPreparation {
		return errPreparation
	}
	switch {
	case v.templated && !v.substitutes:
		text, err := yamlOf(v.data)
		if err != nil {
			return fmt.Errorf("failed to parse helm values template: %w", err)
		}
		if v.source, err = parseTemplate("values", text); err != nil {
			return err
		}
	case !v.templated && !v.substitutes:
		var err error
		if v.data, err = throughYAML(v.data); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		t, err := keyedTemplate{key: key}, error(nil)
		if strings.Contains(texts[key], sandbox.Open) {
			t.template, err = parseTemplate(key, texts[key])
		} else {
			t.value, err = interpret(texts[key])
		}
		if err != nil {
			return err
		}
		v.keyed = append(v.keyed, t)
	}
	return nil
}

func (v *values) perCluster() bool {
	return v.err == nil && (v.substitutes || v.templated ||
		slices.ContainsFunc(v.keyed, func(t keyedTemplate) bool { return t.template != nil }))
}

// rendering returns a digest of the texts that the templates render on a Cluster: equal
// digests mean equal values. It returns false if a template fails, or if the values depend
// on more than their templates.
func (v *values) rendering(on *subject) (sum [sha256.Size]byte, ok bool) {
	if v.err != nil || v.substitutes {
		return sum, false
	}
	// The order is that of evaluate: a template may write into what the next one reads.
	var texts []string
	add := func(t *sandbox.Template, part, key string) bool {
		text, err := on.execute(t, part, key)
		texts = append(texts, text)
		return err == nil
	}
	if v.templated && !add(v.source, "values", "") {
		return sum, false
	}
	for _, t := range v.keyed {
		if t.template != nil && !add(t.template, "templateValues", t.key) {
			return sum, false
		}
	}
	h := sha256.New()
	var length [8]byte
	for _, text := range texts {
		binary.BigEndian.PutUint64(length[:], uint64(len(text)))
		h.Write(length[:])
		h.Write([]byte(text))
	}
	h.Sum(sum[:0])
	return sum, true
}

func (v *values) evaluate(helm *v1alpha1.HelmOptions, on *subject) (map[string]any, error) {
	if v.err != nil {
		return nil, v.err
	}
	data, err := v.data, error(nil)
	if v.substitutes {
		if err := on.use("values", "", v.extent.walking()); err != nil {
			return nil, err
		}
		data = substituteMap(data, on.labels)
	}
	if helm.DisablePreProcess {
		return data, nil
	}
	if v.templated || v.substitutes {
		if data, err = v.render(data, on); err != nil {
			return nil, err
		}
	}
	if len(v.keyed) == 0 {
		return data, nil
	}
	out := make(map[string]any, len(data)+len(v.keyed))
	maps.Copy(out, data)
	for _, t := range v.keyed {
		value := t.value
		if t.template != nil {
			text, err := on.execute(t.template, "templateValues", t.key)
			if err != nil {
				return nil, err
			}
			if value, err = interpret(text); err != nil {
				return nil, err
			}
		}
		out[t.key] = value
	}
	return out, nil
}

// render passes data through YAML, and through its template if it has one.
func (v *values) render(data map[string]any, on *subject) (map[string]any, error) {
	source := v.source
	if v.substitutes {
		if !v.templated && staysItself(data) {
			return data, nil
		}
		if err := on.use("values", "", extentOf(data).writing()); err != nil {
			return nil, err
		}
		text, err := yamlOf(data)
		if err != nil {
			return nil, fmt.Errorf("failed to parse helm values template: %w", err)
		}
		if !v.templated {
			return interpretMap(text)
		}
		if err := on.use("values", "", parsing(text)); err != nil {
			return nil, err
		}
		if source, err = parseTemplate("values", text); err != nil {
			return nil, err
		}
	}
	text, err := on.execute(source, "values", "")
	if err != nil {
		return nil, err
	}
	return interpretMap(text)
}

// eachLabel calls note for each label that a value stands for, possibly more than once. It
// looks where substituteMap does. Nesting that is too deep is an error even without labels.
func eachLabel(data map[string]any, depth int, note func(label string)) error {
	if depth > maxLabelDepth {
		return fmt.Errorf("maximum recursion depth of %d exceeded: spec.helm.values are nested too deeply", maxLabelDepth)
	}
	for _, value := range data {
		switch value := value.(type) {
		case string:
			if label, ok := strings.CutPrefix(value, labelPrefix); ok {
				note(label)
			}
		case map[string]any:
			if err := eachLabel(value, depth+1, note); err != nil {
				return err
			}
		case []any:
			for _, element := range value {
				m, ok := element.(map[string]any)
				if !ok {
					continue
				}
				if err := eachLabel(m, depth+1, note); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// substituteMap returns data with labels in place of the values that stand for them. It
// looks into maps, and into maps that are elements of a list, but neither at texts in a
// list nor into lists in lists (S 3.3, step 5). It shares what it does not change.
func substituteMap(data map[string]any, labels map[string]any) map[string]any {
	out := make(map[string]any, len(data))
	for key, value := range data {
		switch v := value.(type) {
		case string:
			if name, ok := strings.CutPrefix(v, labelPrefix); ok {
				label, _ := labels[name].(string)
				value = label
			}
		case map[string]any:
			value = substituteMap(v, labels)
		case []any:
			list := make([]any, len(v))
			for i, element := range v {
				if m, ok := element.(map[string]any); ok {
					element = substituteMap(m, labels)
				}
				list[i] = element
			}
			value = list
		}
		out[key] = value
	}
	return out
}

func parseTemplate(name, text string) (*sandbox.Template, error) {
	t, err := sandbox.Parse(name, text)
	if err != nil {
		return nil, fmt.Errorf("failed to parse helm values template: %w", err)
	}
	return t, nil
}

func interpret(text string) (any, error) {
	value, err := parseYAML(text)
	if err != nil {
		return nil, fmt.Errorf("failed to interpret rendered template as helm values: %w", err)
	}
	return value, nil
}

func interpretMap(text string) (map[string]any, error) {
	value, err := interpret(text)
	if err != nil {
		return nil, err
	}
	switch value := value.(type) {
	case nil:
		return map[string]any{}, nil
	case map[string]any:
		return value, nil
	}
	return nil, fmt.Errorf("failed to interpret rendered template as helm values: %w", errNoMap)
}

var errNoMap = errors.New("the text is not a YAML map")
