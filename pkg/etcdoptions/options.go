// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdoptions

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/musterfleet/muster/pkg/certificates"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// Options name the place of Muster's records in etcd.
type Options struct {
	etcd.ClientConfig
	// Prefix is the prefix of all of Muster's keys.
	Prefix string
	// CompactionInterval is the time between two compactions of old revisions; 0 disables
	// them.
	CompactionInterval time.Duration
}

const defaultCompactionInterval = 5 * time.Minute

// New returns the defaults, which name no server.
func New() Options {
	return Options{Prefix: registry.DefaultPrefix, CompactionInterval: defaultCompactionInterval}
}

// AddFlags adds the flags, with kube-apiserver's names.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	o.AddConnectionFlags(flags)
	flags.DurationVar(&o.CompactionInterval, "etcd-compaction-interval", o.CompactionInterval,
		"how often etcd is compacted: revisions older than --history-window are removed. "+
			"0 leaves compaction to another program.")
}

// AddConnectionFlags adds all flags except the one for compaction.
func (o *Options) AddConnectionFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.Servers, "etcd-servers", o.Servers, "etcd servers (scheme://host:port), comma separated. Give every member, so that one may be lost.")
	flags.StringVar(&o.CAFile, "etcd-cafile", o.CAFile, "file with the authorities that sign etcd's certificates; if empty, those that this machine trusts")
	flags.StringVar(&o.CertFile, "etcd-certfile", o.CertFile, "file with the client certificate for etcd; read again for each connection")
	flags.StringVar(&o.KeyFile, "etcd-keyfile", o.KeyFile, "file with the key of --etcd-certfile")
	flags.StringVar(&o.Prefix, "etcd-prefix", o.Prefix, "prefix of all keys in etcd")
}

// Certificates returns the certificates with which the client connects to etcd.
func (o *Options) Certificates() (out []certificates.Certificate) {
	if o.CertFile != "" {
		out = append(out, certificates.File("etcd-client", "--etcd-certfile", o.CertFile))
	}
	if o.CAFile != "" {
		authorities := certificates.File("etcd-ca", "--etcd-cafile", o.CAFile)
		authorities.Authorities, authorities.Once = true, true
		out = append(out, authorities)
	}
	return out
}

// Validate returns what is wrong with the options. Each error names a flag.
func (o *Options) Validate() []error {
	var all []error
	if err := o.ClientConfig.Validate(); err != nil {
		all = append(all, err)
	}
	switch cleaned := path.Clean(o.Prefix); {
	case !strings.HasPrefix(o.Prefix, "/") || cleaned == "/" || cleaned != strings.TrimSuffix(o.Prefix, "/"):
		all = append(all, fmt.Errorf("--etcd-prefix %q: give an absolute path such as %s", o.Prefix, registry.DefaultPrefix))
	case cleaned == "/registry":
		all = append(all, fmt.Errorf("--etcd-prefix %s is where a kube-apiserver keeps its objects: give another, such as %s", cleaned, registry.DefaultPrefix))
	}
	if o.CompactionInterval < 0 {
		all = append(all, errors.New("--etcd-compaction-interval is negative: give a duration such as 5m, or 0 for none"))
	}
	return all
}
