// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Settings holds the choices of an operator.
type Settings struct {
	// Labels and Properties are the keys of labels and the names of properties to take. One
	// that ends in "*" stands for all that begin with the rest.
	Labels, Properties []string
	// PropertyPrefix begins the key of a label that a property gives. It ends in "/".
	PropertyPrefix string
}

// DefaultSettings returns the settings that take everything.
func DefaultSettings() Settings {
	return Settings{Labels: []string{"*"}, Properties: []string{"*"}, PropertyPrefix: "clusterprofile/"}
}

// AddFlags adds the flags of the settings.
func (s *Settings) AddFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&s.Labels, "clusterprofile-labels", s.Labels, "keys of labels that Clusters get from their ClusterProfile; a * at the end stands for any rest, and an empty list takes none")
	flags.StringSliceVar(&s.Properties, "clusterprofile-properties", s.Properties, "names of properties of a ClusterProfile that become labels of its Cluster; a * at the end stands for any rest, and an empty list takes none")
	flags.StringVar(&s.PropertyPrefix, "clusterprofile-property-prefix", s.PropertyPrefix, "what the keys of labels begin with that come from properties, a DNS name and a /")
}

// Validate returns all errors, each with the flag that has to be changed.
func (s *Settings) Validate() []error {
	var all []error
	domain, isDomain := strings.CutSuffix(s.PropertyPrefix, "/")
	switch wrong := validation.IsDNS1123Subdomain(domain); {
	case !isDomain:
		all = append(all, fmt.Errorf("--clusterprofile-property-prefix=%s does not end in /: give a DNS name and a /, as inventory.example.com/", s.PropertyPrefix))
	case len(wrong) > 0:
		all = append(all, fmt.Errorf("--clusterprofile-property-prefix=%s: %s", s.PropertyPrefix, strings.Join(wrong, "; ")))
	case reserved(s.PropertyPrefix):
		all = append(all, fmt.Errorf("--clusterprofile-property-prefix=%s is of labels that are never taken: give a domain of your own, as inventory.example.com/", s.PropertyPrefix))
	}
	for flag, patterns := range map[string][]string{"--clusterprofile-labels": s.Labels, "--clusterprofile-properties": s.Properties} {
		for _, pattern := range patterns {
			if pattern == "" || strings.Contains(strings.TrimSuffix(pattern, "*"), "*") {
				all = append(all, fmt.Errorf("%s: %q is neither a key nor the beginning of keys: a * may only be the last character", flag, pattern))
			}
		}
	}
	return all
}

func taken(patterns []string, key string) bool {
	for _, pattern := range patterns {
		if prefix, isPrefix := strings.CutSuffix(pattern, "*"); isPrefix && strings.HasPrefix(key, prefix) || key == pattern {
			return true
		}
	}
	return false
}

// reservedDomains are those of labels that are never taken, with all domains below them.
var reservedDomains = []string{
	"cattle.io", // identity of Clusters and ownership of Rancher's objects
	// Tools find their own objects by these.
	"app.kubernetes.io", "helm.sh", "argoproj.io", "fluxcd.io",
}

// reserved reports whether a label is never taken.
func reserved(key string) bool {
	domain, _, qualified := strings.Cut(key, "/")
	if !qualified {
		return false
	}
	for _, each := range reservedDomains {
		if domain == each || strings.HasSuffix(domain, "."+each) {
			return true
		}
	}
	return false
}
