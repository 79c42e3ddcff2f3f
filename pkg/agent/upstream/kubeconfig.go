// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// CredentialSecretName names the Secret in which an agent keeps its credentials, in its own
// namespace of its own cluster (S 9.1).
const CredentialSecretName = "fleet-agent"

// Secret returns the Secret that keeps the credentials. Fleet's agent can read it, and this
// agent can read the Secret of Fleet's.
func (c *Credential) Secret(namespace string) (*corev1.Secret, error) {
	const name = "default"
	kubeconfig, err := clientcmd.Write(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: c.Config.Host, CertificateAuthorityData: c.Config.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{name: {Token: c.Config.BearerToken}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: name, Namespace: c.Namespace}},
		CurrentContext: name,
	})
	if err != nil {
		return nil, err
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: CredentialSecretName},
		Data: map[string][]byte{
			"kubeconfig": kubeconfig, "deploymentNamespace": []byte(c.Namespace),
			"clusterNamespace": []byte(c.Cluster.Namespace), "clusterName": []byte(c.Cluster.Name),
		},
	}, nil
}

// ReadCredential returns the credentials that an agent has kept in a Secret.
func ReadCredential(secret *corev1.Secret) (*Credential, error) {
	loader, err := clientcmd.NewClientConfigFromBytes(secret.Data["kubeconfig"])
	if err != nil {
		return nil, err
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, err
	}
	c := &Credential{Config: config, Namespace: namespace, Cluster: types.NamespacedName{
		Namespace: string(secret.Data["clusterNamespace"]), Name: string(secret.Data["clusterName"]),
	}}
	if c.Cluster.Namespace == "" || c.Cluster.Name == "" {
		return nil, errors.New("clusterNamespace or clusterName is missing")
	}
	return c, nil
}
