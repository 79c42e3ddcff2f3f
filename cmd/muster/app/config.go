// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net"

	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"

	"github.com/musterfleet/muster/cmd/muster/app/pki"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// maxStreams bounds the requests and watches on one connection. Client libraries put all
// of a process on one.
const maxStreams = 1000

// serverConfig returns the configuration of the API server for one machine: certificates
// of our own authority, and masters only. Without a kube-apiserver it has neither
// delegation nor admission nor priority and fairness; limits on requests in flight replace
// the last.
func serverConfig(listener net.Listener, certs *pki.Certificates) (*genericapiserver.Config, error) {
	authority, err := dynamiccertificates.NewStaticCAContent("muster-ca", certs.Authority)
	if err != nil {
		return nil, err
	}
	serving, err := dynamiccertificates.NewStaticCertKeyContent("muster-serving", certs.Server, certs.ServerKey)
	if err != nil {
		return nil, err
	}
	config := server.NewConfig()
	secure := &options.SecureServingOptions{Listener: listener, HTTP2MaxStreamsPerConnection: maxStreams}
	secure.ServerCert.GeneratedCert = serving
	if err := secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	if err := config.Authentication.ApplyClientCert(authority, config.SecureServing); err != nil {
		return nil, err
	}
	// No anonymous user, no tokens.
	config.Authentication.Authenticator = group.NewAuthenticatedGroupAdder(x509.NewDynamic(authority.VerifyOptions, x509.CommonNameUserConversion))
	// Masters may do everything, others nothing: the only user of a machine needs no finer rule.
	config.Authorization.Authorizer = authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)
	return config, nil
}
