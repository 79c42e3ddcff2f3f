// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rules"
)

func TestMergeRestrictions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		in   map[string]string
		want string
	}{
		{"none is none", nil, `null`},
		{"nil selectors are ignored", map[string]string{"a": `null`, "b": `null`}, `null`},
		{"one is taken as it is", map[string]string{"a": `{"matchLabels":{"x":"1"}}`, "b": `null`}, `{"matchLabels":{"x":"1"}}`},
		{"an empty one is not nil", map[string]string{"a": `{}`}, `{}`},
		{"later labels win, by name", map[string]string{"b": `{"matchLabels":{"x":"b"}}`, "a": `{"matchLabels":{"x":"a","y":"a"}}`}, `{"matchLabels":{"x":"b","y":"a"}}`},
		{"equal expressions are kept once", map[string]string{
			"a": `{"matchExpressions":[{"key":"k","operator":"In","values":["1","2"]}]}`,
			"b": `{"matchExpressions":[{"key":"k","operator":"In","values":["1","2"]},{"key":"k","operator":"In","values":["2","1"]},{"key":"k","operator":"Exists"}]}`,
		}, `{"matchExpressions":[{"key":"k","operator":"In","values":["1","2"]},{"key":"k","operator":"In","values":["2","1"]},{"key":"k","operator":"Exists"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var in []*v1alpha1.GitRepoRestriction
			for name, text := range c.in {
				r := &v1alpha1.GitRepoRestriction{ObjectMeta: metav1.ObjectMeta{Name: name}}
				require.NoError(t, json.Unmarshal([]byte(text), &r.AllowedTargetNamespaceSelector))
				in = append(in, r)
			}
			for range 10 { // in the order of a map, so in any order
				before := shown(t, in)
				require.JSONEq(t, c.want, shown(t, rules.MergeRestrictions(in)))
				require.Equal(t, before, shown(t, in))
				slices.Reverse(in)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	require0 := v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "r"}, RequireServiceAccount: true}
	allowA := v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "a"}, AllowedServiceAccounts: []string{"a"}}
	allowB := v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "b"}, AllowedServiceAccounts: []string{"b"}}
	namespaces := v1alpha1.Policy{ObjectMeta: metav1.ObjectMeta{Name: "n"}, AllowNamespaceCreation: true}
	for _, c := range []struct {
		name       string
		policies   []*v1alpha1.Policy
		spec       string
		want       string
		noCreation bool
	}{
		{"no policy lets everything through", nil, `{}`, "", false},
		{"a required account must be set", []*v1alpha1.Policy{&require0}, `{}`, "serviceAccount is required by Policy but is not set on the Bundle", true},
		{"any account will do", []*v1alpha1.Policy{&require0}, `{"serviceAccount":"x"}`, "", true},
		{"an account on a target is not enough", []*v1alpha1.Policy{&require0}, `{"targets":[{"serviceAccount":"x"}]}`, "serviceAccount is required by Policy but is not set on the Bundle", true},
		{"an account must be allowed", []*v1alpha1.Policy{&allowB, &allowA}, `{"serviceAccount":"x"}`, "disallowed serviceAccount x: x not in allowed set [a b]", false},
		{"allow-lists add up", []*v1alpha1.Policy{&allowB, &allowA}, `{"serviceAccount":"b"}`, "", false},
		{"no account passes an allow-list", []*v1alpha1.Policy{&allowA}, `{}`, "", false},
		{"a target's account must be allowed", []*v1alpha1.Policy{&allowA}, `{"serviceAccount":"a","targets":[{"serviceAccount":"a"},{"name":"t","serviceAccount":"x"}]}`, "disallowed serviceAccount x in target t: x not in allowed set [a]", false},
		{"a target without account inherits", []*v1alpha1.Policy{&allowA, &require0}, `{"serviceAccount":"a","targets":[{"name":"t"}]}`, "", true},
		{"namespace creation may be allowed by another policy", []*v1alpha1.Policy{&require0, &namespaces}, `{"serviceAccount":"x"}`, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := rules.NewPolicySet(c.policies)
			var spec v1alpha1.BundleSpec
			require.NoError(t, json.Unmarshal([]byte(c.spec), &spec))
			require.Equal(t, c.want, set.Gate(&spec))
			require.Equal(t, c.noCreation, set.NoNamespaceCreation())
		})
	}
	var zero rules.PolicySet
	require.Empty(t, zero.Gate(&v1alpha1.BundleSpec{}))
}

func TestAMessageNamesFewOfManyAccounts(t *testing.T) {
	t.Parallel()
	allowed := make([]string, 5000)
	for i := range allowed {
		allowed[i] = fmt.Sprint("account-", i)
	}
	set := rules.NewPolicySet([]*v1alpha1.Policy{{AllowedServiceAccounts: allowed}})
	s := v1alpha1.BundleSpec{Targets: make([]v1alpha1.BundleTarget, 5000)}
	for i := range s.Targets {
		s.Targets[i].ServiceAccount = allowed[len(allowed)-1-i]
	}
	require.Empty(t, set.Gate(&s))
	s.Targets[4999].ServiceAccount = strings.Repeat("x", 10_000)
	require.Contains(t, set.Gate(&s), "account-19 and 4980 more]")
	require.Less(t, len(set.Gate(&s)), 2000)

	r := &v1alpha1.GitRepoRestriction{AllowedTargetNamespaceSelector: &metav1.LabelSelector{}}
	for i := range 10_000 {
		r.AllowedTargetNamespaceSelector.MatchExpressions = append(r.AllowedTargetNamespaceSelector.MatchExpressions,
			metav1.LabelSelectorRequirement{Key: fmt.Sprint(i % 5000), Operator: metav1.LabelSelectorOpExists})
	}
	require.Len(t, rules.MergeRestrictions([]*v1alpha1.GitRepoRestriction{r, r}).MatchExpressions, 5000)
}

// shown returns a value as JSON.
func shown(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}
