// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"bytes"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	kubeconfigContext = "muster"
	// defaultNamespace is where Fleet keeps the Clusters and GitRepos of a person
	// who has not chosen otherwise.
	defaultNamespace = "fleet-default"
)

// writeKubeconfig lets the holder of path administer the server at endpoint. A
// file that does so already is left as it is: its owner may have set another
// namespace, or added a context.
func writeKubeconfig(path, endpoint string, certs *certificates) error {
	if have, err := clientcmd.LoadFromFile(path); err == nil && opens(have, endpoint, certs) {
		return os.Chmod(path, 0o600)
	}
	config := clientcmdapi.NewConfig()
	config.Clusters[kubeconfigContext] = &clientcmdapi.Cluster{
		Server:                   endpoint,
		CertificateAuthorityData: certs.authority,
	}
	config.AuthInfos[adminName] = &clientcmdapi.AuthInfo{
		ClientCertificateData: certs.admin,
		ClientKeyData:         certs.adminKey,
	}
	config.Contexts[kubeconfigContext] = &clientcmdapi.Context{
		Cluster:   kubeconfigContext,
		AuthInfo:  adminName,
		Namespace: defaultNamespace,
	}
	config.CurrentContext = kubeconfigContext
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writeFileAtomic(path, content)
}

func opens(config *clientcmdapi.Config, endpoint string, certs *certificates) bool {
	cluster, user := config.Clusters[kubeconfigContext], config.AuthInfos[adminName]
	return config.Contexts[kubeconfigContext] != nil &&
		cluster != nil && user != nil &&
		cluster.Server == endpoint &&
		bytes.Equal(cluster.CertificateAuthorityData, certs.authority) &&
		bytes.Equal(user.ClientCertificateData, certs.admin) &&
		bytes.Equal(user.ClientKeyData, certs.adminKey)
}
