// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

type criteria = v1alpha1.ClusterCriteria

var (
	everything = &metav1.LabelSelector{}
	malformed  = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "x", Operator: "Foo"}}}
)

const (
	isMalformed = `.matchExpressions[0]: operator "Foo" is not known; use In, NotIn, Exists or DoesNotExist`
	matchesNone = `: never matches a cluster; set clusterName, clusterGroup, clusterSelector or clusterGroupSelector`
)

func TestWarnLimit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		limit any
		works bool
	}{
		{"no limit is a default", nil, true},
		{"a number is a number", 3, true},
		{"zero is a number", 0, true},
		{"a negative number counts as zero", -1, true},
		{"a number above zero may be text", "3", true},
		{"zero as text is no number", "0", false},
		{"a negative number as text is no number", "-1", false},
		{"a percentage is a percentage", "25%", true},
		{"a percentage may have a fraction", "12.5%", true},
		{"a percentage may be negative", "-5%", true},
		{"a per cent sign alone is no percentage", "%", false},
		{"a word is neither", "half", false},
		{"a word with a per cent sign is neither", "half%", false},
		{"an empty text is neither", "", false},
		{"a percentage with a space is neither", "25 %", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var limit *intstr.IntOrString
			switch v := tc.limit.(type) {
			case int:
				limit = new(intstr.FromInt32(int32(v)))
			case string:
				limit = new(intstr.FromString(v))
			}
			var w warnings
			w.warnLimit(field.NewPath("spec", "maxUnavailable"), limit)
			require.Equal(t, tc.works, len(w.list()) == 0, "%q", w.list())
		})
	}
	var w warnings
	w.warnLimit(field.NewPath("spec", "maxUnavailable"), new(intstr.FromString("half")))
	require.Equal(t, []string{`spec.maxUnavailable: "half" is neither a number nor a percentage; use for example 3 or "25%"`}, w.list())
}

func TestWarnBundle(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		spec v1alpha1.BundleSpec
		want []string
	}{{
		name: "an empty Bundle gets no warning",
	}, {
		name: "each of the four criteria alone makes an entry matchable",
		spec: v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{
			{ClusterCriteria: criteria{ClusterName: "c"}}, {ClusterCriteria: criteria{ClusterGroup: "g"}}, {ClusterCriteria: criteria{ClusterSelector: everything}}, {ClusterCriteria: criteria{ClusterGroupSelector: everything}},
		}},
	}, {
		name: "a target with a name only never matches",
		spec: v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{{Name: "all"}}},
		want: []string{"spec.targets[0]" + matchesNone},
	}, {
		name: "a selector with an unknown operator is named",
		spec: v1alpha1.BundleSpec{Targets: []v1alpha1.BundleTarget{
			{ClusterCriteria: criteria{ClusterName: "c"}}, {ClusterCriteria: criteria{ClusterSelector: malformed, ClusterGroupSelector: malformed}},
		}},
		want: []string{
			"spec.targets[1].clusterSelector" + isMalformed,
			"spec.targets[1].clusterGroupSelector" + isMalformed,
		},
	}, {
		name: "restrictions are checked like targets",
		spec: v1alpha1.BundleSpec{
			Targets:            []v1alpha1.BundleTarget{{ClusterCriteria: criteria{ClusterName: "a"}}, {ClusterCriteria: criteria{ClusterName: "b"}}},
			TargetRestrictions: []v1alpha1.BundleTargetRestriction{{}, {ClusterCriteria: criteria{ClusterSelector: malformed}}},
		},
		want: []string{
			"spec.targetRestrictions[0]" + matchesNone,
			"spec.targetRestrictions[1].clusterSelector" + isMalformed,
		},
	}, {
		name: "customizations need restrictions",
		spec: v1alpha1.BundleSpec{TargetCustomizationMode: "AllMatches", Targets: []v1alpha1.BundleTarget{{ClusterCriteria: criteria{ClusterName: "a"}}}},
		want: []string{"spec.targetCustomizationMode: AllMatches has no effect without spec.targetRestrictions: every entry of spec.targets is a target, none a customization"},
	}, {
		name: "customizations with restrictions get no warning",
		spec: v1alpha1.BundleSpec{
			TargetCustomizationMode: "AllMatches",
			Targets:                 []v1alpha1.BundleTarget{{ClusterCriteria: criteria{ClusterName: "a"}}, {ClusterCriteria: criteria{ClusterName: "b"}}},
			TargetRestrictions:      []v1alpha1.BundleTargetRestriction{{ClusterCriteria: criteria{ClusterName: "b"}}},
		},
	}, {
		name: "more restrictions than targets leave no customization",
		spec: v1alpha1.BundleSpec{
			Targets:            []v1alpha1.BundleTarget{{ClusterCriteria: criteria{ClusterName: "a"}}},
			TargetRestrictions: []v1alpha1.BundleTargetRestriction{{ClusterCriteria: criteria{ClusterName: "a"}}, {ClusterCriteria: criteria{ClusterName: "b"}}},
		},
		want: []string{"spec.targetRestrictions: has 2 entries for 1 targets, so no target is a customization; keep at most one restriction per target"},
	}, {
		name: "limits and partitions of a roll-out are checked",
		spec: v1alpha1.BundleSpec{RolloutStrategy: &v1alpha1.RolloutStrategy{
			MaxUnavailable:           new(intstr.FromString("a")),
			MaxUnavailablePartitions: new(intstr.FromString("b")),
			AutoPartitionSize:        new(intstr.FromString("c")),
			Partitions: []v1alpha1.Partition{
				{Name: "p", MaxUnavailable: new(intstr.FromString("d"))},
				{ClusterCriteria: criteria{ClusterGroupSelector: malformed}},
			},
		}},
		want: []string{
			`spec.rolloutStrategy.maxUnavailable: "a" is neither a number nor a percentage; use for example 3 or "25%"`,
			`spec.rolloutStrategy.maxUnavailablePartitions: "b" is neither a number nor a percentage; use for example 3 or "25%"`,
			`spec.rolloutStrategy.autoPartitionSize: "c" is neither a number nor a percentage; use for example 3 or "25%"`,
			`spec.rolloutStrategy.partitions[0].maxUnavailable: "d" is neither a number nor a percentage; use for example 3 or "25%"`,
			"spec.rolloutStrategy.partitions[0]" + matchesNone,
			"spec.rolloutStrategy.partitions[1].clusterGroupSelector" + isMalformed,
		},
	}, {
		name: "dependencies are checked",
		spec: v1alpha1.BundleSpec{DependsOn: []v1alpha1.BundleRef{
			{Name: "db", AcceptedStates: []v1alpha1.BundleState{"Ready", "Modified", "ready"}},
			{AcceptedStates: []v1alpha1.BundleState{"Ready"}},
			{Selector: malformed},
		}},
		want: []string{
			`spec.dependsOn[0].acceptedStates[2]: "ready" is not a state, so it is never reached; use one of [Ready NotReady Modified OutOfSync WaitApplied ErrApplied Pending]`,
			"spec.dependsOn[1]: names no Bundle; set name or selector",
			"spec.dependsOn[2].selector" + isMalformed,
		},
	}, {
		name: "options are checked in the spec and in each target",
		spec: v1alpha1.BundleSpec{
			BundleDeploymentOptions: v1alpha1.BundleDeploymentOptions{
				AllowedTargetNamespaceSelector: malformed,
				DownstreamResources:            []v1alpha1.DownstreamResource{{Kind: "SECRET", Name: "a"}, {Kind: "ConfigMap", Name: "b"}, {Kind: "Pod", Name: "c"}},
			},
			Targets: []v1alpha1.BundleTarget{{
				ClusterCriteria:         criteria{ClusterName: "c"},
				BundleDeploymentOptions: v1alpha1.BundleDeploymentOptions{DownstreamResources: []v1alpha1.DownstreamResource{{Name: "d"}}},
			}},
		},
		want: []string{
			"spec.allowedTargetNamespaceSelector" + isMalformed,
			`spec.downstreamResources[2].kind: "Pod" cannot be copied; use Secret or ConfigMap`,
			`spec.targets[0].downstreamResources[0].kind: "" cannot be copied; use Secret or ConfigMap`,
		},
	}, {
		name: "an unknown encoding is named",
		spec: v1alpha1.BundleSpec{Resources: []v1alpha1.BundleResource{{Name: "a"}, {Name: "b", Encoding: "base64+gz"}, {Name: "c", Encoding: "base64"}}},
		want: []string{`spec.resources[2].encoding: "base64" is not known; use base64+gz, or leave it empty for plain text`},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, WarnBundle(&v1alpha1.Bundle{Spec: tc.spec}))
			require.Equal(t, tc.want, WarnHelmOp(&v1alpha1.HelmOp{Spec: v1alpha1.HelmOpSpec{BundleSpec: tc.spec}}),
				"a HelmOp is checked like a Bundle")
		})
	}
}

func TestWarnOtherKinds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		got  []string
		want []string
	}{{
		name: "a GitRepo's targets are entries",
		got: WarnGitRepo(&v1alpha1.GitRepo{Spec: v1alpha1.GitRepoSpec{
			Targets: []v1alpha1.GitTarget{{ClusterCriteria: criteria{ClusterGroup: "default"}}, {Name: "n"}, {ClusterCriteria: criteria{ClusterSelector: malformed}}},
		}}),
		want: []string{"spec.targets[1]" + matchesNone, "spec.targets[2].clusterSelector" + isMalformed},
	}, {
		name: "a GitRepo's pattern for Helm repositories is an expression",
		got:  WarnGitRepo(&v1alpha1.GitRepo{Spec: v1alpha1.GitRepoSpec{HelmRepoURLRegex: "https://(.*"}}),
		want: []string{`spec.helmRepoURLRegex: "https://(.*" is not a regular expression (missing closing )), so Helm credentials are sent to no repository; correct it`},
	}, {
		name: "a GitRepoRestriction's patterns are expressions and its selector is readable",
		got: WarnGitRepoRestriction(&v1alpha1.GitRepoRestriction{
			AllowedRepoPatterns:            []string{"https://.*", "[a"},
			AllowedTargetNamespaceSelector: malformed,
		}),
		want: []string{
			`allowedRepoPatterns[1]: "[a" is not a regular expression (missing closing ]) and allows only this very text; correct it`,
			"allowedTargetNamespaceSelector" + isMalformed,
		},
	}, {
		name: "an empty Policy gets no warning",
		got:  WarnPolicy(&v1alpha1.Policy{}),
	}, {
		name: "a Policy's three lists of patterns are expressions",
		got: WarnPolicy(&v1alpha1.Policy{
			GitRepo: &v1alpha1.GitRepoPolicy{AllowedRepoPatterns: []string{"ok", "a("}},
			HelmOp:  &v1alpha1.HelmOpPolicy{AllowedHelmRepoPatterns: []string{"b("}, AllowedChartPatterns: []string{"c("}},
		}),
		want: []string{
			`gitRepo.allowedRepoPatterns[1]: "a(" is not a regular expression (missing closing )) and allows only this very text; correct it`,
			`helmOp.allowedHelmRepoPatterns[0]: "b(" is not a regular expression (missing closing )) and allows only this very text; correct it`,
			`helmOp.allowedChartPatterns[0]: "c(" is not a regular expression (missing closing )) and allows only this very text; correct it`,
		},
	}, {
		name: "the labels that a registration asks for are labels",
		got:  WarnClusterRegistration(&v1alpha1.ClusterRegistration{Spec: v1alpha1.ClusterRegistrationSpec{ClusterLabels: map[string]string{"env": "a b"}}}),
		want: []string{`spec.clusterLabels[env]: "a b" is not a label value: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`},
	}, {
		name: "an ImageScan's order is asc or desc",
		got:  WarnImageScan(&v1alpha1.ImageScan{Spec: v1alpha1.ImageScanSpec{Policy: v1alpha1.ImagePolicyChoice{Alphabetical: &v1alpha1.AlphabeticalPolicy{Order: "up"}}}}),
		want: []string{`spec.policy.alphabetical.order: "up" is not known; use asc or desc`},
	}, {
		name: "an ImageScan's order may be left to the default",
		got:  WarnImageScan(&v1alpha1.ImageScan{Spec: v1alpha1.ImageScanSpec{Policy: v1alpha1.ImagePolicyChoice{Alphabetical: &v1alpha1.AlphabeticalPolicy{}}}}),
	}, {
		name: "a ClusterGroup without a selector is empty",
		got:  WarnClusterGroup(&v1alpha1.ClusterGroup{}),
		want: []string{"spec.selector: is not set, so the group is empty; use {} for all Clusters of the namespace"},
	}, {
		name: "a ClusterGroup of all Clusters gets no warning",
		got:  WarnClusterGroup(&v1alpha1.ClusterGroup{Spec: v1alpha1.ClusterGroupSpec{Selector: everything}}),
	}, {
		name: "a ClusterGroup's selector is readable",
		got:  WarnClusterGroup(&v1alpha1.ClusterGroup{Spec: v1alpha1.ClusterGroupSpec{Selector: malformed}}),
		want: []string{"spec.selector" + isMalformed},
	}, {
		name: "a mapping needs both selectors",
		got:  WarnBundleNamespaceMapping(&v1alpha1.BundleNamespaceMapping{}),
		want: []string{
			"bundleSelector: is not set, so the mapping has no effect; use {} for all Bundles of the namespace",
			"namespaceSelector: is not set, so the mapping has no effect; use {} for all namespaces",
		},
	}, {
		name: "a mapping's selectors are readable",
		got:  WarnBundleNamespaceMapping(&v1alpha1.BundleNamespaceMapping{BundleSelector: malformed, NamespaceSelector: malformed}),
		want: []string{"bundleSelector" + isMalformed, "namespaceSelector" + isMalformed},
	}, {
		name: "a Schedule's targets are entries",
		got: WarnSchedule(&v1alpha1.Schedule{Spec: v1alpha1.ScheduleSpec{Targets: v1alpha1.ScheduleTargets{
			Clusters: []v1alpha1.ScheduleTarget{{}, {ClusterCriteria: criteria{ClusterSelector: everything}}, {ClusterCriteria: criteria{ClusterGroupSelector: malformed}}},
		}}}),
		want: []string{"spec.targets.clusters[0]" + matchesNone, "spec.targets.clusters[2].clusterGroupSelector" + isMalformed},
	}, {
		name: "a HelmOp's labels are labels",
		got:  WarnHelmOp(&v1alpha1.HelmOp{Spec: v1alpha1.HelmOpSpec{Labels: map[string]string{"a b": "c"}}})[:1],
		want: []string{`spec.labels: "a b" is not a label key: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`},
	}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.got)
		})
	}
}
