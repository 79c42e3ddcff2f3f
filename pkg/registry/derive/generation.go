// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/google/uuid"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// generation returns a positive number of 52 bits, which JavaScript can hold. It changes
// when the spec changes and only then. A counter would have to be stored, and written on
// every change of a label. The options are hashed once for all that share a Content; the
// rest of the spec is small.
//
// A spec whose staged and promoted options are equal has one digest for them, even if they
// are two Contents.
//
// It hashes the same text for ever: clients keep the number.
func generation(spec *v1alpha1.BundleDeploymentSpec, promoted, staged *Content) int64 {
	var room [1024]byte
	p, s := promoted.optionsDigest(), staged.optionsDigest()
	text := appendGenerationText(room[:0], spec, *p != *s)
	text = append(text, p[:]...)
	if *p != *s {
		text = append(text, s[:]...)
	}
	sum := sha256.Sum256(text)
	return max(1, int64(binary.BigEndian.Uint64(sum[:8])>>12))
}

// appendGenerationText appends the JSON of a spec without its options, which have digests of
// their own. It adds the labels and annotations of the options; of the staged ones only if
// they are apart from the promoted ones. It writes member by member, because every list needs
// the text for each object.
func appendGenerationText(b []byte, spec *v1alpha1.BundleDeploymentSpec, apart bool) []byte {
	b = append(b, `{"Spec":{`...)
	if spec.Paused {
		b = append(b, `"paused":true,`...)
	}
	b = append(b, `"stagedOptions":{}`...)
	if spec.StagedDeploymentID != "" {
		b = appendJSON(append(b, `,"stagedDeploymentID":`...), spec.StagedDeploymentID)
	}
	b = append(b, `,"options":{}`...)
	if spec.DeploymentID != "" {
		b = appendJSON(append(b, `,"deploymentID":`...), spec.DeploymentID)
	}
	if len(spec.DependsOn) > 0 {
		b = appendJSON(append(b, `,"dependsOn":`...), spec.DependsOn)
	}
	if spec.CorrectDrift != nil {
		b = appendJSON(append(b, `,"correctDrift":`...), spec.CorrectDrift)
	}
	if spec.OCIContents {
		b = append(b, `,"ociContents":true`...)
	}
	if spec.HelmChartOptions != nil {
		b = appendJSON(append(b, `,"helmChartOptions":`...), spec.HelmChartOptions)
	}
	if spec.ValuesHash != "" {
		b = appendJSON(append(b, `,"valuesHash":`...), spec.ValuesHash)
	}
	if spec.DownstreamResourcesGeneration != 0 {
		b = strconv.AppendInt(append(b, `,"downstreamResourcesGeneration":`...), spec.DownstreamResourcesGeneration, 10)
	}
	if spec.OffSchedule {
		b = append(b, `,"offSchedule":true`...)
	}
	if spec.WaitingForValues {
		b = append(b, `,"waitingForValues":true`...)
	}
	b = appendJSON(append(b, `},"Labels":`...), spec.Options.NamespaceLabels)
	b = appendJSON(append(b, `,"Annotations":`...), spec.Options.NamespaceAnnotations)
	if apart && len(spec.StagedOptions.NamespaceLabels) > 0 {
		b = appendJSON(append(b, `,"StagedLabels":`...), spec.StagedOptions.NamespaceLabels)
	}
	if apart && len(spec.StagedOptions.NamespaceAnnotations) > 0 {
		b = appendJSON(append(b, `,"StagedAnnotations":`...), spec.StagedOptions.NamespaceAnnotations)
	}
	return append(b, '}')
}

// appendJSON appends the JSON of a value. It encodes the usual values itself: an ID, and a
// nil map.
func appendJSON[T any](b []byte, value T) []byte {
	switch v := any(value).(type) {
	case string:
		if isPlain(v) {
			b = append(b, '"')
			b = append(b, v...)
			return append(b, '"')
		}
	case map[string]string:
		if v == nil {
			return append(b, "null"...)
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("derive: no JSON of a BundleDeploymentSpec: %v", err))
	}
	return append(b, text...)
}

// isPlain reports whether JSON writes a text unchanged. It may return false for one that it
// does.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > ':') && c != '-' {
			return false
		}
	}
	return true
}

// uuidOf returns uuid.NewSHA1 without allocating.
func uuidOf(space uuid.UUID, name string) (out uuid.UUID) {
	var room [128]byte
	sum := sha1.Sum(append(append(room[:0], space[:]...), name...))
	copy(out[:], sum[:])
	out[6] = out[6]&0x0f | 5<<4 // the version
	out[8] = out[8]&0x3f | 0x80 // the variant of RFC 9562
	return out
}
