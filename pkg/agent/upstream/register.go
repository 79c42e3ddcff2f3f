// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// Invitation holds what a ClusterRegistrationToken yields: the address of the server, and
// the right to ask it for a Cluster in one namespace (S 8.2).
type Invitation struct {
	// ClusterNamespace is the namespace of the token and of the future Cluster.
	ClusterNamespace string `json:"clusterNamespace"`
	// APIServerURL and APIServerCA identify the server. Without a CA, the machine must
	// trust the server's certificate.
	APIServerURL string `json:"apiServerURL"`
	APIServerCA  string `json:"apiServerCA"`
	// Token belongs to the account that may ask.
	Token string `json:"token"`
	// SystemRegistrationNamespace is the namespace of the answer.
	SystemRegistrationNamespace string `json:"systemRegistrationNamespace"`
	TokenName                   string `json:"tokenName"`
}

// ReadInvitation reads the values that an agent's chart is installed with. The values may
// contain more than an Invitation needs.
func ReadInvitation(text []byte) (*Invitation, error) {
	i := &Invitation{}
	if err := yaml.Unmarshal(text, i); err != nil {
		return nil, err
	}
	for _, needed := range []struct{ key, value string }{
		{"clusterNamespace", i.ClusterNamespace},
		{"apiServerURL", i.APIServerURL},
		{"token", i.Token},
		{"systemRegistrationNamespace", i.SystemRegistrationNamespace},
		{"tokenName", i.TokenName},
	} {
		if needed.value == "" {
			return nil, fmt.Errorf("%s is missing: take the values from the Secret that the status of a ClusterRegistrationToken names", needed.key)
		}
	}
	return i, nil
}

func (i *Invitation) config(token string) *rest.Config {
	return &rest.Config{Host: i.APIServerURL, BearerToken: token, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: []byte(i.APIServerCA)}}
}

// Credential holds what a registration yields.
type Credential struct {
	// Config connects to the server with the rights of an agent.
	Config *rest.Config
	// Namespace holds the agent's BundleDeployments.
	Namespace string
	Cluster   types.NamespacedName
}

// Applicant describes a cluster that asks to be registered.
type Applicant struct {
	// ID distinguishes the cluster from others, now and when it registers again.
	ID string
	// Labels are the labels of the Cluster, if none with this ID exists yet.
	Labels map[string]string
}

// Times of S 9.2.
const (
	fetchEvery  = 2 * time.Second
	fetchWithin = 30 * time.Minute
)

// Register asks for credentials, waits for them, and tries them (S 9.2). Each call is a new
// registration: the credentials of an earlier one with the same ID become invalid.
func (i *Invitation) Register(ctx context.Context, applicant Applicant) (*Credential, error) {
	asking, err := New(i.config(i.Token))
	if err != nil {
		return nil, err
	}
	random := rand.Text()
	request := &v1alpha1.ClusterRegistration{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "request-", Namespace: i.ClusterNamespace, Labels: map[string]string{v1alpha1.LabelRegistrationToken: i.TokenName},
		},
		Spec: v1alpha1.ClusterRegistrationSpec{ClientID: applicant.ID, ClientRandom: random, ClusterLabels: clusterLabels(applicant.Labels)},
	}
	if _, err := asking.fleet.FleetV1alpha1().ClusterRegistrations(i.ClusterNamespace).Create(ctx, request, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("asking to be registered: %w", err)
	}
	var secret *corev1.Secret
	err = patiently(ctx, func() (err error) {
		secret, err = asking.Secret(ctx, i.SystemRegistrationNamespace, names.RegistrationSecretName(applicant.ID, random))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for credentials: %w", err)
	}
	granted := &Credential{
		Config: i.config(string(secret.Data["token"])), Namespace: string(secret.Data["deploymentNamespace"]),
		Cluster: types.NamespacedName{Namespace: string(secret.Data["clusterNamespace"]), Name: string(secret.Data["clusterName"])},
	}
	if secret.Type != v1alpha1.SecretTypeAgentCredential || granted.Namespace == "" || granted.Config.BearerToken == "" {
		return nil, fmt.Errorf("secret %s/%s does not hold an agent's credentials", secret.Namespace, secret.Name)
	}
	// The authorizer learns of new rights with a short delay.
	if err := patiently(ctx, func() error { return granted.Try(ctx) }); err != nil {
		return nil, err
	}
	return granted, nil
}

// clusterLabels returns the labels to ask for, with the agent's host name added if it can
// be a label's value.
func clusterLabels(asked map[string]string) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, asked)
	if host, err := os.Hostname(); err == nil && len(validation.IsValidLabelValue(host)) == 0 {
		labels[v1alpha1.LabelCreatedByAgentPod] = host
	}
	return labels
}

// Try makes an agent's first request with the credentials.
func (c *Credential) Try(ctx context.Context) error {
	up, err := New(c.Config)
	if err != nil {
		return err
	}
	if _, err := up.fleet.FleetV1alpha1().BundleDeployments(c.Namespace).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
		return fmt.Errorf("trying the credentials: %w", err)
	}
	return nil
}

// patiently tries until it succeeds, for the time that a registration may take. It gives up
// at once on an invalid token, which does not become valid later.
func patiently(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	ticker := time.NewTicker(fetchEvery)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil || apierrors.IsUnauthorized(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-ticker.C:
		}
	}
}
