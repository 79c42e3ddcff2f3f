// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// EffectiveManifestID returns the manifest ID of a Bundle whose resources have computedID,
// and whether a Content object has that name (S 4.1). For manifests in an OCI registry, and
// for charts of a HelmOp, it is contentsId.
func EffectiveManifestID(spec *v1alpha1.BundleSpec, computedID string) (id string, hasContent bool) {
	if spec.ContentsID != "" || spec.HelmOpOptions != nil {
		return spec.ContentsID, false
	}
	return computedID, true
}

// strictVersion is the grammar of semver.org. A HelmOp's controller replaces a range by an
// exact version, so a range here means that it has not run yet, or could not.
var strictVersion = regexp.MustCompile(`^(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)` +
	`(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?` +
	`(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// versionGate returns why the chart of a HelmOp cannot be deployed, or "" (S 4.1).
func versionGate(spec *v1alpha1.BundleSpec) string {
	if spec.HelmOpOptions == nil || spec.Helm == nil || spec.Helm.Version == "" {
		return ""
	}
	version := spec.Helm.Version
	if strictVersion.MatchString(strings.TrimPrefix(version, "v")) {
		return ""
	}
	return fmt.Sprintf("chart version cannot be deployed; check HelmOp status for more details: "+
		"spec.helm.version %q is not an exact version such as 1.2.3", version)
}
