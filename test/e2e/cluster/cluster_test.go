// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

var control *cluster.ControlPlane

func TestMain(m *testing.M) {
	cluster.Main(m, func(t cluster.T) {
		if how := os.Getenv(childVariable); how != "" {
			child(t, how)
			return
		}
		control = cluster.Start(t)
	})
}

func TestTheControlPlaneAnswersKubectl(t *testing.T) {
	t.Parallel()
	out, _, err := control.Kubectl("get", "namespaces", "-o", "name")
	require.NoError(t, err)
	require.Contains(t, out, "namespace/kube-system\n")
	out, _, err = control.Kubectl("version", "-o", "yaml")
	require.NoError(t, err)
	require.Contains(t, out, "gitVersion: v1.37.2")
	_, stderr, err := control.Kubectl("get", "nonsense")
	require.Error(t, err)
	require.Contains(t, stderr, "nonsense")
}

func TestTheControlPlaneIdentifiesItsClients(t *testing.T) {
	t.Parallel()
	account := control.AsAccount(t, metav1.NamespaceDefault, "default")
	foreign, pair := control.Anonymous(), control.ForeignCA.Client("admin", "system:masters")
	foreign.CertData, foreign.KeyData = pair.Certificate, pair.Key
	cases := []struct {
		name   string
		config *rest.Config
		want   string // the user's name, or the reason of the refusal
	}{
		{"a client certificate", control.As("ann", "people"), "ann"},
		{"a token of a ServiceAccount", account, "system:serviceaccount:default:default"},
		{"a client without credentials", control.Anonymous(), "Forbidden"},
		{"a certificate of a foreign CA", foreign, "Unauthorized"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, err := kubernetes.NewForConfig(c.config)
			require.NoError(t, err)
			review, err := client.AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
			if err != nil {
				require.Equal(t, c.want, string(apierrors.ReasonForError(err)), "%v", err)
				return
			}
			require.Equal(t, c.want, review.Status.UserInfo.Username)
		})
	}
}

func TestTheOutputOfARunningKubectlIsSeen(t *testing.T) {
	t.Parallel()
	watch := control.Terminal(t, nil).StartKubectl(t, "get", "configmaps", "-n", "default", "-w", "-o", "name")
	_, _, err := control.Kubectl("create", "configmap", "-n", "default", "seen")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _, err := control.Kubectl("delete", "configmap", "-n", "default", "seen")
		require.NoError(t, err)
	})
	require.Eventually(t, func() bool { return strings.Contains(watch.Output(), "configmap/seen\n") }, within, tick)
	require.True(t, watch.Running())
	watch.Kill()
	require.False(t, watch.Running())
}
