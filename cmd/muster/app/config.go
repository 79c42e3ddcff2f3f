// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"net"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"

	"github.com/musterfleet/muster/cmd/muster/app/pki"
	"github.com/musterfleet/muster/pkg/registry/server"
)

// maxStreams is how many requests and watches one connection may carry; client
// libraries put all of a process on one.
const maxStreams = 1000

// serverConfig is the configuration of the API server for this machine: our own
// authority's certificates, masters only. There is no admission to configure, no
// Kubernetes API to delegate to, and priority and fairness needs one; the limits
// on requests in flight do its work.
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
	secure := &options.SecureServingOptions{
		Listener:                     listener,
		HTTP2MaxStreamsPerConnection: maxStreams,
	}
	secure.ServerCert.GeneratedCert = serving
	if err := secure.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return nil, err
	}
	if err := config.Authentication.ApplyClientCert(authority, config.SecureServing); err != nil {
		return nil, err
	}
	config.Authentication.Authenticator = clientCertificates(authority)
	config.Authorization.Authorizer = mastersOnly()
	return config, nil
}

// clientCertificates knows those who hold a certificate of the authority, and
// nobody else: there is no anonymous user and no token.
func clientCertificates(authority dynamiccertificates.CAContentProvider) authenticator.Request {
	return group.NewAuthenticatedGroupAdder(
		x509.NewDynamic(authority.VerifyOptions, x509.CommonNameUserConversion))
}

// mastersOnly lets the group system:masters do everything, and others nothing.
// A machine of one's own needs no finer rule, and a rule that is not there
// cannot be wrong.
func mastersOnly() authorizer.Authorizer {
	return authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)
}
