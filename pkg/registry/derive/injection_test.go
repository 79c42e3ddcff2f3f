// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package derive_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/pkg/registry/rules"
)

func TestInjection(t *testing.T) {
	t.Parallel()
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"from": "restriction"}}
	const bundle = `{"createNamespace":true,"allowedTargetNamespaceSelector":{"matchLabels":{"from":"bundle"}}}`
	for _, c := range []struct {
		name string
		inj  *rules.Injected
		want string
	}{
		{"nothing injected changes nothing", nil, bundle},
		{"an empty injection changes nothing", &rules.Injected{}, bundle},
		{"a selector replaces the Bundle's", &rules.Injected{AllowedTargetNamespaceSelector: selector}, `{"createNamespace":true,"allowedTargetNamespaceSelector":{"matchLabels":{"from":"restriction"}}}`},
		{"namespace creation is turned off", &rules.Injected{NoNamespaceCreation: true}, `{"createNamespace":false,"allowedTargetNamespaceSelector":{"matchLabels":{"from":"bundle"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := versionOf(t, bundle)
			content := v.Content(plain, c.inj, unlabelled())
			require.JSONEq(t, c.want, shown(t, content.Options))
			same := shown(t, content.Options) == shown(t, v.Content(plain, nil, unlabelled()).Options)
			require.Equal(t, same, content.DeploymentID == v.Content(plain, nil, unlabelled()).DeploymentID, "what is injected is hashed")
		})
	}
}
