// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// values are the values that a token yields, as an agent's chart reads them.
type values struct {
	ClusterNamespace            string `json:"clusterNamespace"`
	APIServerURL                string `json:"apiServerURL"`
	APIServerCA                 string `json:"apiServerCA"`
	Token                       string `json:"token"`
	SystemRegistrationNamespace string `json:"systemRegistrationNamespace"`
	TokenName                   string `json:"tokenName"`
}

// makeToken creates a ClusterRegistrationToken and waits for the values that it yields.
func makeToken(t cluster.T, namespace, name string, ttl v1alpha1.Duration) values {
	t.Helper()
	token := &v1alpha1.ClusterRegistrationToken{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if ttl != "" {
		token.Spec.TTL = &ttl
	}
	_, err := fleet.FleetV1alpha1().ClusterRegistrationTokens(namespace).Create(t.Context(), token, metav1.CreateOptions{})
	require.NoError(t, err)
	return yielded(t, namespace, name)
}

func yielded(t cluster.T, namespace, name string) values {
	t.Helper()
	var secret *corev1.Secret
	poll.Eventually(t, patience, func(ctx context.Context) error {
		token, err := fleet.FleetV1alpha1().ClusterRegistrationTokens(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if token.Status.SecretName == "" {
			return errors.New("the token has no Secret")
		}
		secret, err = control.Client.CoreV1().Secrets(namespace).Get(ctx, token.Status.SecretName, metav1.GetOptions{})
		return err
	}, access.Tail)
	require.EqualValues(t, "fleet.cattle.io/cluster-registration-values", secret.Type)
	var v values
	require.NoError(t, yaml.UnmarshalStrict(secret.Data["values"], &v))
	return v
}

// credential holds the account that an agent fetches after its registration.
type credential struct {
	deploymentNamespace, clusterNamespace, clusterName, systemNamespace string
	registration                                                        string
	secret                                                              string
	config                                                              *rest.Config
}

// secretName returns the name of the Secret with an agent's credentials (S 4.8).
func secretName(clientID, clientRandom string) string {
	sum := sha256.Sum256([]byte(clientID + clientRandom))
	return ("c-" + hex.EncodeToString(sum[:]))[:63]
}

// ask sends the registration of an agent, with the values of its token.
func ask(ctx context.Context, t cluster.T, v values, clientID, clientRandom string, labels map[string]string) (*v1alpha1.ClusterRegistration, error) {
	return clientset(t, control.WithToken(v.Token)).FleetV1alpha1().ClusterRegistrations(v.ClusterNamespace).Create(ctx, &v1alpha1.ClusterRegistration{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "request-", Namespace: v.ClusterNamespace,
			Labels: map[string]string{"fleet.cattle.io/registration-token": v.TokenName},
		},
		Spec: v1alpha1.ClusterRegistrationSpec{ClientID: clientID, ClientRandom: clientRandom, ClusterLabels: labels},
	}, metav1.CreateOptions{})
}

// register does what an agent without credentials does (S 9.2).
func register(t cluster.T, v values, clientID, clientRandom string, labels map[string]string) credential {
	t.Helper()
	var made *v1alpha1.ClusterRegistration
	// kube-apiserver learns of the token's rights from informers.
	poll.Eventually(t, patience, func(ctx context.Context) (err error) {
		made, err = ask(ctx, t, v, clientID, clientRandom, labels)
		return err
	}, access.Tail)
	return fetch(t, v, made)
}

// fetch waits for the credentials of a registration, and tries them.
func fetch(t cluster.T, v values, r *v1alpha1.ClusterRegistration) credential {
	t.Helper()
	bootstrap, err := kubernetes.NewForConfig(control.WithToken(v.Token))
	require.NoError(t, err)
	name := secretName(r.Spec.ClientID, r.Spec.ClientRandom)
	var secret *corev1.Secret
	poll.Eventually(t, patience, func(ctx context.Context) (err error) {
		secret, err = bootstrap.CoreV1().Secrets(v.SystemRegistrationNamespace).Get(ctx, name, metav1.GetOptions{})
		return err
	}, access.Tail)
	require.EqualValues(t, "fleet.cattle.io/agent-credential", secret.Type)
	c := credential{
		deploymentNamespace: string(secret.Data["deploymentNamespace"]), clusterNamespace: string(secret.Data["clusterNamespace"]),
		clusterName: string(secret.Data["clusterName"]), systemNamespace: string(secret.Data["systemNamespace"]),
		registration: r.Name, secret: name, config: control.WithToken(string(secret.Data["token"])),
	}
	require.Len(t, secret.Data, 5)
	deployments := clientset(t, c.config).FleetV1alpha1().BundleDeployments(c.deploymentNamespace)
	poll.Eventually(t, patience, func(ctx context.Context) error {
		_, err := deployments.List(ctx, metav1.ListOptions{})
		return err
	}, access.Tail)
	return c
}

func granted(t cluster.T, namespace, name string) *v1alpha1.ClusterRegistration {
	t.Helper()
	var r *v1alpha1.ClusterRegistration
	poll.Eventually(t, patience, func(ctx context.Context) (err error) {
		r, err = fleet.FleetV1alpha1().ClusterRegistrations(namespace).Get(ctx, name, metav1.GetOptions{})
		if err == nil && !r.Status.Granted {
			err = fmt.Errorf("registration %s is not granted: %+v", name, r.Status)
		}
		return err
	}, access.Tail)
	return r
}

func accountOf(r *v1alpha1.ClusterRegistration) string { return safeName(r.Name, string(r.UID)) }
