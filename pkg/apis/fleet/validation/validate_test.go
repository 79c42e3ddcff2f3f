// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// refusal holds what a test expects of an error: its field, its kind, and a part of its
// text.
type refusal struct {
	field string
	kind  field.ErrorType
	text  string
}

func requireRefusals(t *testing.T, want []refusal, got field.ErrorList) {
	t.Helper()
	require.Len(t, got, len(want), "%v", got)
	for i := range want {
		require.Equal(t, want[i].field, got[i].Field)
		require.Equal(t, want[i].kind, got[i].Type)
		require.Contains(t, got[i].Error(), want[i].text)
	}
}

func duration(text v1alpha1.Duration) *v1alpha1.Duration { return &text }

func release(name string) v1alpha1.BundleDeploymentOptions {
	return v1alpha1.BundleDeploymentOptions{Helm: &v1alpha1.HelmOptions{ReleaseName: name}}
}

func TestReleaseName(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		release string
		valid   bool
	}{
		{"without a name, Fleet chooses one", "", true},
		{"a plain name is accepted", "web", true},
		{"a name with dots is accepted", "web.v1-2", true},
		{"a name of 53 characters is accepted", strings.Repeat("a", 53), true},
		{"a name of 54 characters is refused", strings.Repeat("a", 54), false},
		{"an upper-case letter is refused", "Web", false},
		{"an underscore is refused", "web_1", false},
		{"a hyphen at the end is refused", "web-", false},
		{"a dot at the start is refused", ".web", false},
		{"two dots in a row are refused", "a..b", false},
		{"a line break at the end is refused", "web\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := release(tc.release)
			errs := validateOptions(field.NewPath("spec"), &o)
			require.Equal(t, tc.valid, len(errs) == 0, "%v", errs)
			for _, e := range errs {
				require.Equal(t, "spec.helm.releaseName", e.Field)
			}
		})
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	badSelector := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Foo"}}}
	for _, tc := range []struct {
		name string
		errs field.ErrorList
		want []refusal
	}{{
		name: "an empty Bundle is valid",
		errs: ValidateBundle(&v1alpha1.Bundle{}),
	}, {
		name: "a Bundle with both modes' names spelled right is valid",
		errs: append(ValidateBundle(&v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{TargetCustomizationMode: "FirstMatch"}}),
			ValidateBundle(&v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{TargetCustomizationMode: "AllMatches"}})...),
	}, {
		name: "an unknown customization mode is refused with the known ones",
		errs: ValidateBundle(&v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{TargetCustomizationMode: "allmatches"}}),
		want: []refusal{{"spec.targetCustomizationMode", field.ErrorTypeNotSupported, `supported values: "FirstMatch", "AllMatches"`}},
	}, {
		name: "a release name is checked in the spec and in each target",
		errs: ValidateBundle(&v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{
			BundleDeploymentOptions: release("A"),
			Targets:                 []v1alpha1.BundleTarget{{}, {BundleDeploymentOptions: release(strings.Repeat("b", 60))}},
		}}),
		want: []refusal{
			{"spec.helm.releaseName", field.ErrorTypeInvalid, "lower case"},
			{"spec.targets[1].helm.releaseName", field.ErrorTypeTooLong, "53"},
		},
	}, {
		name: "a malformed selector is valid, because Fleet accepts it",
		errs: ValidateBundle(&v1alpha1.Bundle{Spec: v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{{ClusterCriteria: v1alpha1.ClusterCriteria{ClusterSelector: badSelector}}}}}),
	}, {
		name: "a HelmOp is checked like a Bundle, and so is its polling interval",
		errs: ValidateHelmOp(&v1alpha1.HelmOp{Spec: v1alpha1.HelmOpSpec{
			BundleSpec: v1alpha1.BundleSpec{
				BundleDeploymentOptions: release("A"),
				TargetCustomizationMode: "x",
				Targets:                 []v1alpha1.BundleTarget{{BundleDeploymentOptions: release("B")}},
			},
			PollingInterval: duration("often"),
		}}),
		want: []refusal{
			{"spec.helm.releaseName", field.ErrorTypeInvalid, "lower case"},
			{"spec.targetCustomizationMode", field.ErrorTypeNotSupported, "FirstMatch"},
			{"spec.targets[0].helm.releaseName", field.ErrorTypeInvalid, "lower case"},
			{"spec.pollingInterval", field.ErrorTypeInvalid, "must be a valid Go duration"},
		},
	}, {
		name: "a GitRepo needs a repository",
		errs: ValidateGitRepo(&v1alpha1.GitRepo{}),
		want: []refusal{{"spec.repo", field.ErrorTypeRequired, "set the URL"}},
	}, {
		name: "a GitRepo's two intervals are durations",
		errs: ValidateGitRepo(&v1alpha1.GitRepo{Spec: v1alpha1.GitRepoSpec{Repo: "r", PollingInterval: duration("often"), ImageSyncInterval: duration("")}}),
		want: []refusal{
			{"spec.pollingInterval", field.ErrorTypeInvalid, "must be a valid Go duration"},
			{"spec.imageScanInterval", field.ErrorTypeInvalid, "must be a valid Go duration"},
		},
	}, {
		name: "a GitRepo with a repository is valid",
		errs: ValidateGitRepo(&v1alpha1.GitRepo{Spec: v1alpha1.GitRepoSpec{Repo: "r", PollingInterval: duration("1m")}}),
	}, {
		name: "an ImageScan needs an image and an interval",
		errs: ValidateImageScan(&v1alpha1.ImageScan{}),
		want: []refusal{
			{"spec.image", field.ErrorTypeRequired, "image repository"},
			{"spec.interval", field.ErrorTypeRequired, "15m"},
		},
	}, {
		name: "an ImageScan's interval is a duration",
		errs: ValidateImageScan(&v1alpha1.ImageScan{Spec: v1alpha1.ImageScanSpec{Image: "i", Interval: duration("often")}}),
		want: []refusal{{"spec.interval", field.ErrorTypeInvalid, "must be a valid Go duration"}},
	}, {
		name: "an ImageScan with both is valid",
		errs: ValidateImageScan(&v1alpha1.ImageScan{Spec: v1alpha1.ImageScanSpec{Image: "i", Interval: duration("1h")}}),
	}, {
		name: "a token's lifetime is a duration",
		errs: ValidateClusterRegistrationToken(&v1alpha1.ClusterRegistrationToken{Spec: v1alpha1.ClusterRegistrationTokenSpec{TTL: duration("often")}}),
		want: []refusal{{"spec.ttl", field.ErrorTypeInvalid, "must be a valid Go duration"}},
	}, {
		name: "a schedule's length is a duration",
		errs: ValidateSchedule(&v1alpha1.Schedule{Spec: v1alpha1.ScheduleSpec{Duration: duration("often")}}),
		want: []refusal{{"spec.duration", field.ErrorTypeInvalid, "must be a valid Go duration"}},
	}, {
		name: "an environment variable of the agent needs a name",
		errs: ValidateCluster(&v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{AgentEnvVars: []corev1.EnvVar{{Name: "A"}, {Value: "b"}}}}),
		want: []refusal{{"spec.agentEnvVars[1].name", field.ErrorTypeRequired, "set the name"}},
	}, {
		name: "a Cluster's namespace is the name of one",
		errs: ValidateClusterStatus(&v1alpha1.Cluster{Status: v1alpha1.ClusterStatus{Namespace: "a/b"}}),
		want: []refusal{{"status.namespace", field.ErrorTypeInvalid, "must consist of lower case alphanumeric characters"}},
	}, {
		name: "a Cluster without a namespace gets one",
		errs: ValidateClusterStatus(&v1alpha1.Cluster{}),
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireRefusals(t, tc.want, tc.errs)
		})
	}
}
