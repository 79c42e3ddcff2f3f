// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// mapped holds what a profile asks for: labels of its Cluster, and the reason for each label
// that it cannot give.
type mapped struct {
	labels, skipped map[string]string
}

// labelsOf returns the labels that a profile asks for. Of several properties with one key, the
// one with the least name counts.
func (s *Settings) labelsOf(p *profile) mapped {
	m := mapped{map[string]string{}, map[string]string{}}
	for key, value := range p.Labels {
		if taken(s.Labels, key) && !reserved(key) && !s.ofProperty(key) {
			m.labels[key] = value
		}
	}
	names := map[string]string{} // of the property that gives each label
	for _, each := range slices.SortedFunc(slices.Values(p.properties), property.compare) {
		key := s.keyOf(each.name)
		_, twice := m.labels[key]
		switch {
		case !taken(s.Properties, each.name):
		case twice && names[key] == each.name:
			m.skipped[key] = fmt.Sprintf("the profile has the property %q more than once", each.name)
		case twice:
			m.skipped[key] = fmt.Sprintf("the properties %q and %q have the same key", names[key], each.name)
		case len(validation.IsQualifiedName(key)) > 0:
			m.skipped[key] = fmt.Sprintf("the property %q gives no valid key", each.name)
		case len(validation.IsValidLabelValue(each.value)) > 0:
			m.skipped[key] = fmt.Sprintf("the value of the property %q is no valid label value", each.name)
		default:
			m.labels[key], names[key] = each.value, each.name
		}
	}
	return m
}

// keyOf returns the key of the label that a property gives.
func (s *Settings) keyOf(property string) string {
	return s.PropertyPrefix + strings.ReplaceAll(property, "/", "_")
}

// ofProperty reports whether a label comes from a property.
func (s *Settings) ofProperty(key string) bool { return strings.HasPrefix(key, s.PropertyPrefix) }

func (p property) compare(other property) int {
	return cmp.Or(cmp.Compare(p.name, other.name), cmp.Compare(p.value, other.value))
}
