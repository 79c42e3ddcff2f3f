// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package allinone

import (
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
)

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
