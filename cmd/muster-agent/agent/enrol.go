// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/agent/upstream"
)

// Enrolment holds what an agent needs to get its credentials (S 9.1, 9.2).
type Enrolment struct {
	// Invitation holds the values that a token yielded.
	Invitation *upstream.Invitation
	// Downstream connects to the cluster to register, which keeps the credentials.
	Downstream *rest.Config
	// Own is the namespace that keeps the credentials. Enrol creates it if it does not
	// exist.
	Own string
	// Applicant describes the cluster to register. Without an ID, it gets the UID of
	// kube-system.
	Applicant upstream.Applicant
	// Log gets what Enrol does.
	Log *slog.Logger
}

// enrolRetry is the time before a failed enrolment is tried again.
const enrolRetry = 5 * time.Second

// Enrol returns the credentials that the cluster keeps. If it keeps none, Enrol registers
// the cluster and keeps the new ones there. It tries until it succeeds or ctx ends.
//
// It registers anew only if the server rejects the kept credentials or grants them no
// rights. It waits for a server that does not answer, because each registration invalidates
// the credentials of the one before.
func Enrol(ctx context.Context, e Enrolment) (*upstream.Credential, error) {
	down, err := kubernetes.NewForConfig(e.Downstream)
	if err != nil {
		return nil, fmt.Errorf("downstream: %w", err)
	}
	for {
		credential, err := e.attempt(ctx, down)
		if err == nil {
			return credential, nil
		}
		e.Log.Error("enrolment failed, will try again", "error", err)
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(enrolRetry):
		}
	}
}

func (e *Enrolment) attempt(ctx context.Context, down kubernetes.Interface) (*upstream.Credential, error) {
	kept, err := down.CoreV1().Secrets(e.Own).Get(ctx, upstream.CredentialSecretName, metav1.GetOptions{})
	switch {
	case err == nil:
		credential, err := upstream.ReadCredential(kept)
		if err != nil {
			return nil, fmt.Errorf("secret %s/%s: %w; delete it to register anew", e.Own, upstream.CredentialSecretName, err)
		}
		err = credential.Try(ctx)
		if !apierrors.IsUnauthorized(err) && !apierrors.IsForbidden(err) {
			return credential, err
		}
		e.Log.Info("the server refuses the kept credentials, registering anew", "error", err)
	case !apierrors.IsNotFound(err):
		return nil, err
	}
	applicant := e.Applicant
	if applicant.ID == "" {
		system, err := down.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		applicant.ID = string(system.UID)
	}
	credential, err := e.Invitation.Register(ctx, applicant)
	if err != nil {
		return nil, err
	}
	if err := e.keep(ctx, down, credential); err != nil {
		return nil, fmt.Errorf("keeping credentials: %w", err)
	}
	e.Log.Info("registered", "cluster", credential.Cluster.String(), "namespace", credential.Namespace)
	return credential, nil
}

// keep writes credentials into the cluster, in place of older ones.
func (e *Enrolment) keep(ctx context.Context, down kubernetes.Interface, credential *upstream.Credential) error {
	secret, err := credential.Secret(e.Own)
	if err != nil {
		return err
	}
	own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Own}}
	if _, err := down.CoreV1().Namespaces().Create(ctx, own, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	secrets := down.CoreV1().Secrets(e.Own)
	_, err = secrets.Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
	}
	return err
}
