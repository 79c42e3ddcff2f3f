// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// object prints an object's type and name. The group is the text before the first slash of
// apiVersion, so a core object shows its version there.
func object(kind, apiVersion, namespace, name string) string {
	out := strings.ToLower(kind)
	if apiVersion != "" {
		group, _, _ := strings.Cut(apiVersion, "/")
		out += "." + group
	}
	out += " "
	if namespace != "" {
		out += namespace + "/"
	}
	return out + name
}

// modified prints how an object differs from its desired state.
func modified(m v1alpha1.ModifiedStatus) string {
	prefix := object(m.Kind, m.APIVersion, m.Namespace, m.Name)
	switch {
	case m.Create && m.Exist:
		return prefix + " is not owned by us"
	case m.Create:
		return prefix + " missing"
	case m.Delete:
		return prefix + " extra"
	}
	return prefix + " modified " + m.Patch
}

// nonReady prints why an object is not healthy.
func nonReady(r v1alpha1.NonReadyStatus) string {
	return object(r.Kind, r.APIVersion, r.Namespace, r.Name) + " " + condensed(r.Summary)
}

// condensed prints the state of an object. Clients expect an error alone without an opening
// bracket.
func condensed(s v1alpha1.ObjectSummary) string {
	var out string
	switch {
	case s.Transitioning && s.Error:
		out = "[progressing,error]"
	case s.Transitioning:
		out = "[progressing]"
	case s.Error:
		out = "error]"
	default:
		return s.State
	}
	if len(s.Message) > 0 {
		out += " " + strings.Join(s.Message, ", ")
	}
	return out
}
