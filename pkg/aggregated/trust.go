// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"errors"
	"fmt"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/util/cert"
	"k8s.io/klog/v2"
)

// checkTrust refuses a cluster in which a user's certificate could speak for
// other users. Who comes with a certificate of the front proxy's authority names
// the user in a header; if the list of allowed names is empty, any certificate
// of that authority does, and where the same authority signs users'
// certificates, that is any user.
func checkTrust(ctx context.Context, config *genericapiserver.Config) error {
	header := config.Authentication.RequestHeaderConfig
	if header == nil {
		return errors.New("the cluster does not say who its front proxy is: the ConfigMap extension-apiserver-authentication in kube-system " +
			"has no requestheader-client-ca-file, so kube-apiserver runs without --requestheader-client-ca-file, and aggregation cannot work")
	}
	if len(header.AllowedClientNames.Value()) > 0 {
		return nil
	}
	// The users' authorities were not read yet.
	if users, ok := config.SecureServing.ClientCA.(dynamiccertificates.ControllerRunner); ok {
		if err := users.RunOnce(ctx); err != nil {
			return fmt.Errorf("read the authorities of client certificates: %w", err)
		}
	}
	if repeated(config.SecureServing.ClientCA.CurrentCABundleContent()) {
		return errors.New("the front proxy's authority also signs users' certificates, and any name is allowed for the front proxy: " +
			"each user could speak for all others. Give kube-apiserver --requestheader-allowed-names, or an authority of its own for the front proxy")
	}
	klog.InfoS("Every certificate of the front proxy's authority may name users in a header, because kube-apiserver runs without --requestheader-allowed-names")
	return nil
}

// repeated tells whether a bundle, which joins those of users and of the front
// proxy, holds an authority twice.
func repeated(bundle []byte) bool {
	authorities, err := cert.ParseCertsPEM(bundle)
	if err != nil {
		return false // then no certificate is verified either
	}
	seen := map[string]bool{}
	for _, authority := range authorities {
		if seen[string(authority.Raw)] {
			return true
		}
		seen[string(authority.Raw)] = true
	}
	return false
}
