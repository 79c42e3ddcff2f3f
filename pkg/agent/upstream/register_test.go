// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

func TestAnInvitationIsReadFromTheValuesOfAChart(t *testing.T) {
	t.Parallel()
	const whole = "apiServerCA: ca\napiServerURL: https://up\nclusterNamespace: ws\nsystemRegistrationNamespace: answers\ntoken: secret\ntokenName: join\n"
	got, err := upstream.ReadInvitation([]byte(whole + "internal: {systemNamespace: elsewhere}\nlabels: {a: b}\n"))
	require.NoError(t, err)
	require.Equal(t, &upstream.Invitation{
		ClusterNamespace: "ws", APIServerURL: "https://up", APIServerCA: "ca", Token: "secret", SystemRegistrationNamespace: "answers", TokenName: "join",
	}, got)
	for _, key := range []string{"apiServerURL", "clusterNamespace", "systemRegistrationNamespace", "token", "tokenName"} {
		var rest []string
		for line := range strings.Lines(whole) {
			if !strings.HasPrefix(line, key+":") {
				rest = append(rest, line)
			}
		}
		_, err := upstream.ReadInvitation([]byte(strings.Join(rest, "")))
		require.ErrorContains(t, err, key+" is missing: take the values from the Secret")
	}
	_, err = upstream.ReadInvitation([]byte("a: ["))
	require.Error(t, err)
}

// registrar is a server that plays the controller's part. It requires a token from each
// client, and gives the credentials that it is set to give.
type registrar struct {
	*httptest.Server
	mu struct {
		sync.Mutex
		request *v1alpha1.ClusterRegistration
		asked   []string
	}
	denied int // requests to refuse, first for credentials and then for the agent's first read
	give   func(secret *corev1.Secret)
}

func newRegistrar(t *testing.T) *registrar {
	t.Helper()
	r := &registrar{}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *registrar) serve(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	bearer := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	r.mu.asked = append(r.mu.asked, bearer+" "+req.Method+" "+req.URL.Path)
	answer := func(code int, body any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body) // the client reports an incomplete answer
	}
	refuse := func(code int32, reason metav1.StatusReason) {
		answer(int(code), &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure, Code: code, Reason: reason})
	}
	switch {
	case bearer == "invalid":
		refuse(http.StatusUnauthorized, metav1.StatusReasonUnauthorized)
	case req.Method == http.MethodPost:
		r.mu.request = &v1alpha1.ClusterRegistration{}
		if err := json.NewDecoder(req.Body).Decode(r.mu.request); err != nil {
			refuse(http.StatusBadRequest, metav1.StatusReasonBadRequest)
			return
		}
		answer(http.StatusCreated, r.mu.request)
	case r.denied > 0:
		r.denied--
		refuse(http.StatusForbidden, metav1.StatusReasonForbidden)
	case strings.Contains(req.URL.Path, "/secrets/"):
		secret := &corev1.Secret{Type: v1alpha1.SecretTypeAgentCredential, Data: map[string][]byte{
			"token": []byte("own"), "deploymentNamespace": []byte("cluster-ns"), "clusterNamespace": []byte("ws"), "clusterName": []byte("north"),
		}}
		if r.give != nil {
			r.give(secret)
		}
		answer(http.StatusOK, secret)
	default:
		answer(http.StatusOK, &v1alpha1.BundleDeploymentList{})
	}
}

func (r *registrar) invitation(token string) *upstream.Invitation {
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	return &upstream.Invitation{
		ClusterNamespace: "ws", APIServerURL: r.URL, APIServerCA: string(ca), Token: token, SystemRegistrationNamespace: "answers", TokenName: "join",
	}
}

func TestARegistrationAsksFetchesAndTries(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	r.denied = 1
	c, err := r.invitation("join").Register(t.Context(), upstream.Applicant{ID: "shop-42", Labels: map[string]string{"env": "prod"}})
	require.NoError(t, err)
	require.Equal(t, "cluster-ns", c.Namespace)
	require.Equal(t, types.NamespacedName{Namespace: "ws", Name: "north"}, c.Cluster)
	require.Equal(t, r.URL, c.Config.Host)
	require.Equal(t, "own", c.Config.BearerToken)

	r.mu.Lock()
	defer r.mu.Unlock()
	request := r.mu.request
	require.Equal(t, "request-", request.GenerateName)
	require.Empty(t, request.Name)
	require.Equal(t, map[string]string{"fleet.cattle.io/registration-token": "join"}, request.Labels)
	require.Equal(t, "shop-42", request.Spec.ClientID)
	require.GreaterOrEqual(t, len(request.Spec.ClientRandom), 26, "too long to guess")
	require.Equal(t, "prod", request.Spec.ClusterLabels["env"])
	secret := "join GET /api/v1/namespaces/answers/secrets/" + names.RegistrationSecretName("shop-42", request.Spec.ClientRandom)
	require.Equal(t, []string{
		"join POST /apis/fleet.cattle.io/v1alpha1/namespaces/ws/clusterregistrations",
		secret, secret,
		"own GET /apis/fleet.cattle.io/v1alpha1/namespaces/cluster-ns/bundledeployments",
	}, r.mu.asked)
}

func TestARegistrationThatCannotSucceedEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, token string
		give        func(secret *corev1.Secret)
		want        string
	}{
		{"a token that is invalid", "invalid", nil, "asking to be registered: "},
		{"a Secret of another type", "join", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }, "does not hold an agent's credentials"},
		{"a Secret without a namespace", "join", func(s *corev1.Secret) { delete(s.Data, "deploymentNamespace") }, "does not hold an agent's credentials"},
		{"credentials that are invalid", "join", func(s *corev1.Secret) { s.Data["token"] = []byte("invalid") }, "trying the credentials: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRegistrar(t)
			r.give = c.give
			_, err := r.invitation(c.token).Register(t.Context(), upstream.Applicant{ID: "shop-42"})
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestCredentialsAreKeptAsFleetsAgentKeepsThem(t *testing.T) {
	t.Parallel()
	r := newRegistrar(t)
	c, err := r.invitation("join").Register(t.Context(), upstream.Applicant{ID: "shop-42"})
	require.NoError(t, err)
	kept, err := c.Secret("cattle-fleet-system")
	require.NoError(t, err)
	require.Equal(t, "fleet-agent", kept.Name)
	require.Equal(t, "cattle-fleet-system", kept.Namespace)
	require.Len(t, kept.Data, 4)
	for key, value := range map[string]string{"deploymentNamespace": "cluster-ns", "clusterNamespace": "ws", "clusterName": "north"} {
		require.Equal(t, value, string(kept.Data[key]), key)
	}
	read, err := upstream.ReadCredential(kept)
	require.NoError(t, err)
	require.Equal(t, c.Namespace, read.Namespace)
	require.Equal(t, c.Cluster, read.Cluster)
	require.Equal(t, c.Config.Host, read.Config.Host)
	require.Equal(t, c.Config.BearerToken, read.Config.BearerToken)
	require.NoError(t, read.Try(t.Context()))

	delete(kept.Data, "clusterName")
	_, err = upstream.ReadCredential(kept)
	require.ErrorContains(t, err, "clusterName is missing")
	kept.Data["kubeconfig"] = []byte("no kubeconfig")
	_, err = upstream.ReadCredential(kept)
	require.Error(t, err)
}
