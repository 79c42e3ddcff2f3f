// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
	certutil "k8s.io/client-go/util/cert"
)

// Settings holds the choices of an operator.
type Settings struct {
	// SystemNamespace is the namespace in which agents run on their clusters. The namespace
	// here in which they find their credentials follows from it.
	SystemNamespace string
	// OwnNamespace is the namespace in which this process runs; "" if that is not known. It is
	// never removed as a Cluster's.
	OwnNamespace string
	// APIServerURL and APIServerCAFile say how agents reach kube-apiserver. They are part of
	// the values that a token yields.
	APIServerURL, APIServerCAFile string
	// TokenTTLRequired deletes tokens that would never expire.
	TokenTTLRequired bool
	// IgnoreRequestedLabels makes Clusters without the labels for which their agents ask.
	IgnoreRequestedLabels bool
	// CredentialLifetime is the time for which the credentials of a granted registration can
	// be fetched.
	CredentialLifetime time.Duration
}

// DefaultSettings returns Fleet's settings.
func DefaultSettings() Settings {
	return Settings{SystemNamespace: "cattle-fleet-system", CredentialLifetime: 40 * time.Minute}
}

// AddFlags adds the flags of the settings.
func (s *Settings) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&s.SystemNamespace, "agent-system-namespace", s.SystemNamespace, "namespace that agents run in on their clusters; with -clusters-system in place of -system, the one here in which they find their credentials")
	flags.StringVar(&s.APIServerURL, "agent-api-server-url", s.APIServerURL, "URL at which agents reach kube-apiserver, as https://kube.example.com:6443; it goes into the values that a ClusterRegistrationToken yields")
	flags.StringVar(&s.APIServerCAFile, "agent-api-server-ca-file", s.APIServerCAFile, "file with the certificate authorities that agents verify kube-apiserver with; empty for those that their systems trust")
	flags.BoolVar(&s.TokenTTLRequired, "registration-token-ttl-required", s.TokenTTLRequired, "delete ClusterRegistrationTokens that have no spec.ttl, or one of 0")
	flags.BoolVar(&s.IgnoreRequestedLabels, "ignore-cluster-registration-labels", s.IgnoreRequestedLabels, "give new Clusters none of the labels that their agents ask for")
	flags.DurationVar(&s.CredentialLifetime, "registration-credential-lifetime", s.CredentialLifetime, "how long after a registration was granted its credentials can be fetched")
}

// Validate returns all errors, each with the flag that has to be changed.
func (s *Settings) Validate() []error {
	var all []error
	if wrong := validation.IsDNS1123Label(s.SystemNamespace); len(wrong) > 0 {
		all = append(all, fmt.Errorf("--agent-system-namespace=%s is no name of a namespace: %s", s.SystemNamespace, strings.Join(wrong, "; ")))
	} else if wrong := validation.IsDNS1123Label(s.registrationNamespace()); len(wrong) > 0 {
		all = append(all, fmt.Errorf("--agent-system-namespace=%s leads to the namespace %s: %s", s.SystemNamespace, s.registrationNamespace(), strings.Join(wrong, "; ")))
	}
	if s.APIServerURL != "" {
		if u, err := url.Parse(s.APIServerURL); err != nil || u.Scheme != "https" || u.Host == "" {
			all = append(all, fmt.Errorf("--agent-api-server-url=%s is no https:// URL: give the address that agents dial, as https://kube.example.com:6443", s.APIServerURL))
		}
	}
	if s.CredentialLifetime <= 0 {
		all = append(all, errors.New("--registration-credential-lifetime must be more than 0: agents need time to fetch their credentials, as 40m"))
	}
	if _, err := s.apiServerCA(); err != nil {
		all = append(all, err)
	}
	return all
}

// apiServerCA reads the file each time: it may change while the process runs.
func (s *Settings) apiServerCA() ([]byte, error) {
	if s.APIServerCAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(s.APIServerCAFile)
	if err != nil {
		return nil, fmt.Errorf("--agent-api-server-ca-file: %w", err)
	}
	if _, err := certutil.ParseCertsPEM(text); err != nil {
		return nil, fmt.Errorf("--agent-api-server-ca-file=%s: %w: give certificates in PEM", s.APIServerCAFile, err)
	}
	return text, nil
}

// SystemNamespaces returns the namespaces that must never be removed with a Cluster, whatever
// their marks say.
func (s *Settings) SystemNamespaces() []string {
	return []string{s.SystemNamespace, s.registrationNamespace(), s.OwnNamespace}
}

// registrationNamespace returns the namespace in which agents find their credentials.
func (s *Settings) registrationNamespace() string {
	return strings.ReplaceAll(s.SystemNamespace, "-system", "-clusters-system")
}
