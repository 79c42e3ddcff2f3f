// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"errors"
	"strings"
	"time"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Report writes the observed state into a status (S 9.7).
func Report(status *v1alpha1.BundleDeploymentStatus, seen *Seen, now time.Time) {
	status.Resources, status.ResourceCounts = seen.Resources, seen.Counts
	status.NonReadyStatus, status.ModifiedStatus = first(seen.NonReady), first(seen.Modified)
	status.IncompleteState = len(seen.NonReady) > most || len(seen.Modified) > most
	status.Ready, status.NonModified = len(seen.NonReady) == 0, len(seen.Modified) == 0
	switch {
	case !status.Ready:
		upstream.SetCondition(status, upstream.Ready, errors.New(unready(&seen.NonReady[0])), now)
	case !status.NonModified:
		upstream.SetCondition(status, upstream.Ready, errors.New(different(&seen.Modified[0])), now)
	default:
		upstream.SetCondition(status, upstream.Ready, nil, now)
	}
}

func first[T any](all []T) []T { return all[:min(len(all), most)] }

// prefix returns an object's name as messages show it (S 7.1).
func prefix(kind, apiVersion, namespace, name string) string {
	text := strings.ToLower(kind)
	if version, _, _ := strings.Cut(apiVersion, "/"); version != "" {
		text += "." + version
	}
	text += " "
	if namespace != "" {
		text += namespace + "/"
	}
	return text + name
}

func different(s *v1alpha1.ModifiedStatus) string {
	text := prefix(s.Kind, s.APIVersion, s.Namespace, s.Name)
	switch {
	case s.Create && s.Exist:
		return text + " is not owned by us"
	case s.Create:
		return text + " missing"
	case s.Delete:
		return text + " extra"
	}
	return text + " modified " + s.Patch
}

func unready(s *v1alpha1.NonReadyStatus) string {
	text := prefix(s.Kind, s.APIVersion, s.Namespace, s.Name)
	switch {
	case s.Summary.Transitioning && s.Summary.Error:
		text += " [progressing,error]"
	case s.Summary.Transitioning:
		text += " [progressing]"
	case s.Summary.Error:
		text += " error]" // Fleet also leaves out the opening bracket
	default:
		return text + " " + s.Summary.State
	}
	return text + " " + strings.Join(s.Summary.Message, ", ")
}
