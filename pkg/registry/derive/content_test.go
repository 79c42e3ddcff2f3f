// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
)

func TestDeploymentIDGivesTheKnownAnswers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                 "ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356",
		`{"helm":{}}`:                        "2b3eb1c0044dd55963b580c402f9703533c40396e53a2aa27a2ba991ec15d145",
		`{"helm":{"values":{}}}`:             "8d96a4308f7b6e49dab44dcc7a69a9fa83af5408048c784cac781f9b498488a0",
		`{"namespace":"targetNs","helm":{}}`: "45d85ec3ae896d12259c505345f86afa23e6b116d6a20ca95a1f6c6fb810dedb",
		`{"defaultNamespace":"ns","helm":{"chart":"a","values":{"a":"\u003cb\u003e","n":3}}}`: "9af6ef5fdd7c4de07373fa97cb216758f114417bbb46da600f1c7ad6cef42c0f",
	} {
		content := versionOf(t, in).Content(plain, nil, unlabelled())
		require.Equal(t, "s-m:"+want, content.DeploymentID, in)
		require.Equal(t, content.DeploymentID, derive.Pinned("s-m", content.Options).DeploymentID)
	}
}

// The cases show what is hashed, byte for byte (S 4.2).
func TestTheHashedTextFollowsTheSpecification(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{
			"members are in Fleet's order",
			`{"allowedTargetNamespaceSelector":{"matchExpressions":[{"values":["v"],"operator":"In","key":"k"}],"matchLabels":{"a":"b"}},
			"overwrites":[{"kind":"k","namespace":"s","name":"n"}],"downstreamResources":[{"name":"n","kind":"Secret"}],"deleteCRDResources":true,
			"namespaceAnnotations":{"b":"1","a":"2"},"namespaceLabels":{"a":"1"},"ignore":{"conditions":[{"b":"1","a":"2"}]},"deleteNamespace":true,"keepResources":true,
			"forceSyncGeneration":7,"createNamespace":false,"serviceAccount":"sa","helm":{},"namespace":"ns","defaultNamespace":"dns","kustomize":{"dir":"d"},"yaml":{"overlays":["o"]}}`,
			`{"yaml":{"overlays":["o"]},"kustomize":{"dir":"d"},"defaultNamespace":"dns","namespace":"ns","helm":{},"serviceAccount":"sa","createNamespace":false,` +
				`"forceSyncGeneration":7,"keepResources":true,"deleteNamespace":true,"ignore":{"conditions":[{"a":"2","b":"1"}]},"namespaceLabels":{"a":"1"},"namespaceAnnotations":{"a":"2","b":"1"},` +
				`"deleteCRDResources":true,"downstreamResources":[{"kind":"Secret","name":"n"}],"overwrites":[{"name":"n","namespace":"s","kind":"k"}],` +
				`"allowedTargetNamespaceSelector":{"matchLabels":{"a":"b"},"matchExpressions":[{"key":"k","operator":"In","values":["v"]}]}}`,
		},
		{
			"so are those of helm",
			`{"helm":{"disableDependencyUpdate":true,"skipSchemaValidation":true,"disableDNS":true,"disablePreProcess":true,"atomic":true,"waitForJobs":true,"maxHistory":3,"takeOwnership":true,"force":true,
			"valuesFrom":[{"secretKeyRef":{"key":"k","namespace":"s","name":"n"},"configMapKeyRef":{"name":""}}],"templateValues":{"b":"1","a":"2"},"values":{"b":1,"a":2},"timeoutSeconds":4,
			"version":"1","releaseName":"r","repo":"re","chart":"c","valuesFiles":["f"]}}`,
			`{"helm":{"valuesFiles":["f"],"chart":"c","repo":"re","releaseName":"r","version":"1","timeoutSeconds":4,"values":{"a":2,"b":1},"templateValues":{"a":"2","b":"1"},` +
				`"valuesFrom":[{"configMapKeyRef":{"name":""},"secretKeyRef":{"name":"n","namespace":"s","key":"k"}}],"force":true,"takeOwnership":true,"maxHistory":3,"waitForJobs":true,` +
				`"atomic":true,"disablePreProcess":true,"disableDNS":true,"skipSchemaValidation":true,"disableDependencyUpdate":true}}`,
		},
		{"diff and correctDrift are left out", `{"diff":{"comparePatches":[{"kind":"x"}]},"correctDrift":{"enabled":true}}`, `{}`},
		{"empty structs are written", `{"yaml":{},"kustomize":{},"ignore":{},"helm":{"values":{}},"allowedTargetNamespaceSelector":{}}`, `{"yaml":{},"kustomize":{},"helm":{"values":{}},"ignore":{},"allowedTargetNamespaceSelector":{}}`},
		{"a createNamespace of true is written too", `{"createNamespace":true}`, `{"createNamespace":true}`},
		{"numbers are floats", `{"helm":{"values":{"big":9007199254740993,"e20":100000000000000000000,"e21":1000000000000000000000,"f":1.50,"i":3,"neg":-0.0,"small":0.0000001}}}`, `{"helm":{"values":{"big":9007199254740992,"e20":100000000000000000000,"e21":1e+21,"f":1.5,"i":3,"neg":-0,"small":1e-7}}}`},
		{"HTML is escaped, in values too", `{"namespace":"<&>","helm":{"values":{"<":"\u2028"}}}`, `{"namespace":"\u003c\u0026\u003e","helm":{"values":{"\u003c":"\u2028"}}}`},
		{"null in values is written", `{"helm":{"values":{"a":null}}}`, `{"helm":{"values":{"a":null}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sum := sha256.Sum256([]byte(c.want + "\n"))
			content := versionOf(t, c.in).Content(plain, nil, unlabelled())
			if got := content.DeploymentID; got != "s-m:"+hex.EncodeToString(sum[:]) {
				options := content.Options
				options.Diff, options.CorrectDrift = nil, nil
				var buf bytes.Buffer
				require.NoError(t, json.NewEncoder(&buf).Encode(options))
				require.Equal(t, c.want+"\n", buf.String())
				require.Fail(t, "the same bytes have different hashes")
			}
		})
	}
}

func TestInvalidUTF8IsReplacedInTheHash(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte(`{"namespace":"a\ufffd\ufffd"}` + "\n"))
	require.Equal(t, ":"+hex.EncodeToString(sum[:]), derive.DeploymentID("", &v1alpha1.BundleDeploymentOptions{TargetNamespace: "a\xff\xfe"}))
}

func TestPinnedOptionsKeepTheirIDThroughARecord(t *testing.T) {
	t.Parallel()
	content := versionOf(t, `{"helm":{"values":{"i":3,"f":1.5,"big":12345678901234567890,"list":[1,{"a":2}]}}}`).Content(plain, nil, unlabelled())
	var back v1alpha1.BundleDeploymentOptions
	require.NoError(t, json.Unmarshal([]byte(shown(t, content.Options)), &back))
	pinned := derive.Pinned("s-m", back)
	require.Equal(t, content.DeploymentID, pinned.DeploymentID)
	require.Equal(t, content.Options, pinned.Options)
	require.True(t, content.Equal(pinned))
}

func TestEqualContents(t *testing.T) {
	t.Parallel()
	of := func(text string) *derive.Content { return versionOf(t, text).Content(plain, nil, unlabelled()) }
	one := of(`{"namespace":"a","diff":{"comparePatches":[{"kind":"x"}]},"correctDrift":{"enabled":true}}`)
	require.True(t, one.Equal(one))
	require.True(t, one.Equal(of(`{"namespace":"a","diff":{"comparePatches":[{"kind":"x"}]},"correctDrift":{"enabled":true}}`)))
	for name, other := range map[string]*derive.Content{
		"other options":      of(`{"namespace":"b","diff":{"comparePatches":[{"kind":"x"}]},"correctDrift":{"enabled":true}}`),
		"another diff":       of(`{"namespace":"a","diff":{"comparePatches":[{"kind":"y"}]},"correctDrift":{"enabled":true}}`),
		"no diff":            of(`{"namespace":"a","correctDrift":{"enabled":true}}`),
		"other correctDrift": of(`{"namespace":"a","diff":{"comparePatches":[{"kind":"x"}]},"correctDrift":{}}`),
		"a failure":          {Failure: "x"},
		"nil":                nil,
	} {
		require.False(t, one.Equal(other), name)
		require.False(t, other.Equal(one), name)
	}
	var none *derive.Content
	require.True(t, none.Equal(nil))
}

func TestEffectiveManifestID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, spec, want string
		content          bool
	}{
		{"resources have the computed ID", `{}`, "s-computed", true},
		{"an OCI artifact has its own", `{"contentsId":"s-oci"}`, "s-oci", false},
		{"a HelmOp has none", `{"helmOpOptions":{}}`, "", false},
		{"a HelmOp's own is taken as it is", `{"helmOpOptions":{},"contentsId":"x"}`, "x", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := spec(t, c.spec)
			id, content := derive.EffectiveManifestID(&s, "s-computed")
			require.Equal(t, c.want, id)
			require.Equal(t, c.content, content)
		})
	}
	content := derive.NewVersion(bundleOf(spec(t, `{"helmOpOptions":{}}`)), derive.Facts{}).Content(plain, nil, unlabelled())
	require.True(t, strings.HasPrefix(content.DeploymentID, ":ca3d163b"), content.DeploymentID)
}

func TestTheVersionOfAHelmOpsChart(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{
		"": true, "1.2.3": true, "v1.2.3": true, "1.2.3-rc.1+build.5": true, "0.0.0": true, "1.2.3-0a": true,
		"vv1.2.3": false, "1.2": false, "v1": false, "~1.2.3": false, "1.x": false, "01.2.3": false, "1.2.3-01": false,
		"1.2.3-": false, "latest": false, " 1.2.3": false, "1.2.3+": false, "V1.2.3": false, "*": false,
	} {
		s := spec(t, `{"helmOpOptions":{},"helm":{}}`)
		s.Helm.Version = version
		failure := derive.NewVersion(bundleOf(s), facts()).Failure()
		require.Equal(t, ok, failure == "", version)
		if !ok {
			require.Contains(t, failure, "chart version cannot be deployed; check HelmOp status for more details: ")
			require.Contains(t, failure, version)
		}
		s.HelmOpOptions = nil
		require.Empty(t, derive.NewVersion(bundleOf(s), facts()).Failure(), "the gate is for HelmOps only")
	}
	require.Empty(t, versionOf(t, `{"helmOpOptions":{}}`).Failure(), "no helm block, no version")
}
