// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"errors"

	"github.com/spf13/pflag"
)

// Options name the Lease.
type Options struct {
	// Namespace and Name name the Lease. An empty Name means none: then a restored etcd is
	// served at once, and a start cannot notice that etcd went back in time.
	Namespace, Name string
}

// NewOptions returns the Lease of Muster's manifests, in a namespace.
func NewOptions(namespace string) Options { return Options{Namespace: namespace, Name: "muster-etcd"} }

// AddFlags adds the flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.Namespace, "restore-lease-namespace", o.Namespace, "namespace of --restore-lease-name")
	flags.StringVar(&o.Name, "restore-lease-name", o.Name,
		"Lease in kube-apiserver that remembers which etcd clients know, and how far. With it, a restored etcd is not served until an operator has looked at it. "+
			"If empty, it is served at once, and a process that starts cannot notice that etcd went back in time.")
}

// Validate returns what is wrong with the options.
func (o *Options) Validate() []error {
	if o.Name != "" && o.Namespace == "" {
		return []error{errors.New("--restore-lease-namespace is empty: give the namespace of --restore-lease-name")}
	}
	return nil
}
