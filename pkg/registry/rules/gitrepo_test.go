// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package rules_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/rules"
)

func TestRulesLimitGitRepos(t *testing.T) {
	t.Parallel()
	const repo = `{"repo":"https://git.example.com/a"}`
	for _, c := range []struct {
		name         string
		restrictions []string
		policies     []string
		repo         string
		allowed      bool
	}{
		{"without rules everything", nil, nil, repo, true},
		{"empty rules are none", []string{`{}`}, []string{`{}`, `{"gitRepo":{}}`}, repo, true},

		{"an allowed namespace", []string{`{"allowedTargetNamespaces":["a","b"]}`}, nil, `{"repo":"x","targetNamespace":"b"}`, true},
		{"another namespace", []string{`{"allowedTargetNamespaces":["a","b"]}`}, nil, `{"repo":"x","targetNamespace":"c"}`, false},
		{"no namespace where only some are allowed", []string{`{"allowedTargetNamespaces":["a"]}`}, nil, repo, false},
		{"no namespace where a selector allows", []string{`{"allowedTargetNamespaceSelector":{}}`}, nil, repo, false},
		{"any namespace where a selector allows: agents enforce that", []string{`{"allowedTargetNamespaceSelector":{"matchLabels":{"a":"b"}}}`}, nil, `{"repo":"x","targetNamespace":"c"}`, true},
		{"lists of several restrictions add up", []string{`{"allowedTargetNamespaces":["a"]}`, `{"allowedTargetNamespaces":["b"]}`}, nil, `{"repo":"x","targetNamespace":"b"}`, true},

		{"an allowed account", []string{`{"allowedServiceAccounts":["sa"]}`}, nil, `{"repo":"x","serviceAccount":"sa"}`, true},
		{"another account", []string{`{"allowedServiceAccounts":["sa"]}`}, nil, `{"repo":"x","serviceAccount":"root"}`, false},
		{"no account", []string{`{"allowedServiceAccounts":["sa"]}`}, nil, repo, true},
		{"an account that only the other source allows", []string{`{"allowedServiceAccounts":["sa"]}`}, []string{`{"allowedServiceAccounts":["other"]}`}, `{"repo":"x","serviceAccount":"other"}`, true},
		{"a default that is not allowed", []string{`{"defaultServiceAccount":"root","allowedServiceAccounts":["sa"]}`}, nil, repo, false},
		{"the default of a restriction comes before that of a Policy", []string{`{"defaultServiceAccount":"root"}`}, []string{`{"allowedServiceAccounts":["sa"],"gitRepo":{"defaultServiceAccount":"sa"}}`}, repo, false},
		{"the GitRepo's own account comes before both", []string{`{"defaultServiceAccount":"root"}`}, []string{`{"allowedServiceAccounts":["sa"]}`}, `{"repo":"x","serviceAccount":"sa"}`, true},
		{"an account is required", nil, []string{`{"requireServiceAccount":true}`, `{}`}, repo, false},
		{"the required account is set", nil, []string{`{"requireServiceAccount":true}`}, `{"repo":"x","serviceAccount":"sa"}`, true},
		{"the required account is a default", []string{`{"defaultServiceAccount":"sa"}`}, []string{`{"requireServiceAccount":true}`}, repo, true},

		{"an allowed Secret", []string{`{"allowedClientSecretNames":["s"]}`}, []string{`{"gitRepo":{"allowedClientSecretNames":["t"]}}`}, `{"repo":"x","clientSecretName":"t"}`, true},
		{"another Secret", nil, []string{`{"gitRepo":{"allowedClientSecretNames":["t"]}}`}, `{"repo":"x","clientSecretName":"s"}`, false},
		{"a default Secret that is not allowed", nil, []string{`{"gitRepo":{"defaultClientSecretName":"s","allowedClientSecretNames":["t"]}}`}, repo, false},

		{"a literal URL", []string{`{"allowedRepoPatterns":["https://git.example.com/a"]}`}, nil, repo, true},
		{"a URL that is not an expression", []string{`{"allowedRepoPatterns":["git@host:(a"]}`}, nil, `{"repo":"git@host:(a"}`, true},
		{"a text that is not an expression matches nothing else", []string{`{"allowedRepoPatterns":["(a"]}`}, []string{`{"gitRepo":{"allowedRepoPatterns":["a)|(b"]}}`}, `{"repo":"a"}`, false},
		{"a part of a URL is enough for a restriction", []string{`{"allowedRepoPatterns":["example\\.com"]}`}, nil, repo, true},
		{"and not for a Policy", nil, []string{`{"gitRepo":{"allowedRepoPatterns":["example\\.com"]}}`}, repo, false},
		{"a Policy's alternatives are whole ones too", nil, []string{`{"gitRepo":{"allowedRepoPatterns":["x|https://.*|y"]}}`}, `{"repo":"ssh://xy"}`, false},
		{"the whole URL for a Policy", nil, []string{`{"gitRepo":{"allowedRepoPatterns":["x","https://.*\\.com/a"]}}`}, repo, true},
		{"either source is enough", []string{`{"allowedRepoPatterns":["nothing"]}`}, []string{`{"gitRepo":{"allowedRepoPatterns":["https://.*"]}}`}, repo, true},
		{"neither allows it", []string{`{"allowedRepoPatterns":["nothing"]}`}, []string{`{"gitRepo":{"allowedRepoPatterns":["nor this"]}}`}, repo, false},
		{"without a URL nothing is compared", []string{`{"allowedRepoPatterns":["nothing"]}`}, nil, `{}`, true},
	} {
		var restrictions []*v1alpha1.GitRepoRestriction
		for i, text := range c.restrictions {
			r := &v1alpha1.GitRepoRestriction{}
			require.NoError(t, json.Unmarshal([]byte(text), r))
			r.Name = fmt.Sprint(i)
			restrictions = append(restrictions, r)
		}
		var policies []*v1alpha1.Policy
		for i, text := range c.policies {
			p := &v1alpha1.Policy{}
			require.NoError(t, json.Unmarshal([]byte(text), p))
			p.Name = fmt.Sprint(i)
			policies = append(policies, p)
		}
		var spec v1alpha1.GitRepoSpec
		require.NoError(t, json.Unmarshal([]byte(c.repo), &spec))
		for range 2 {
			rules := rules.NewRepoRules(restrictions, policies)
			require.Equal(t, c.allowed, rules.Allow(&spec), c.name)
			slices.Reverse(restrictions)
			slices.Reverse(policies)
		}
	}
}
