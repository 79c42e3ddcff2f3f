// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"bytes"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/musterfleet/muster/cmd/muster/app/datadir"
)

const (
	kubeconfigContext = "muster"
	// DefaultNamespace is Fleet's default for Clusters and GitRepos.
	DefaultNamespace = "fleet-default"
)

// WriteKubeconfig writes a kubeconfig that administers the server at endpoint. A file that
// does so already keeps its content: its owner may have set another namespace, or added a
// context.
func WriteKubeconfig(path, endpoint string, certs *Certificates) error {
	if have, err := clientcmd.LoadFromFile(path); err == nil && opens(have, endpoint, certs) {
		return os.Chmod(path, 0o600)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[kubeconfigContext] = &clientcmdapi.Cluster{Server: endpoint, CertificateAuthorityData: certs.Authority}
	config.AuthInfos[adminName] = &clientcmdapi.AuthInfo{ClientCertificateData: certs.Admin, ClientKeyData: certs.AdminKey}
	config.Contexts[kubeconfigContext] = &clientcmdapi.Context{Cluster: kubeconfigContext, AuthInfo: adminName, Namespace: DefaultNamespace}
	config.CurrentContext = kubeconfigContext
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return datadir.WriteFile(path, content)
}

// opens reports whether a kubeconfig administers the server at endpoint.
func opens(config *clientcmdapi.Config, endpoint string, certs *Certificates) bool {
	cluster, user := config.Clusters[kubeconfigContext], config.AuthInfos[adminName]
	return config.Contexts[kubeconfigContext] != nil &&
		cluster != nil && user != nil &&
		cluster.Server == endpoint &&
		bytes.Equal(cluster.CertificateAuthorityData, certs.Authority) &&
		bytes.Equal(user.ClientCertificateData, certs.Admin) &&
		bytes.Equal(user.ClientKeyData, certs.AdminKey)
}
