// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/spf13/pflag"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// EtcdOptions say where the facts are.
type EtcdOptions struct {
	etcd.ClientConfig
	// Prefix is below which all of Muster's keys are.
	Prefix string
	// CompactionInterval is how often old revisions are forgotten; 0 is never.
	CompactionInterval time.Duration
}

const (
	defaultPrefix             = registry.DefaultPrefix
	defaultCompactionInterval = 5 * time.Minute
)

func newEtcdOptions() EtcdOptions {
	return EtcdOptions{Prefix: defaultPrefix, CompactionInterval: defaultCompactionInterval}
}

// AddFlags adds the flags, named as kube-apiserver's.
func (o *EtcdOptions) AddFlags(flags *pflag.FlagSet) {
	o.addConnectionFlags(flags)
	flags.DurationVar(&o.CompactionInterval, "etcd-compaction-interval", o.CompactionInterval,
		"how often revisions of etcd are forgotten that are older than --history-window. "+
			"0 leaves compaction to someone else.")
}

// addConnectionFlags adds those that say where the records are.
func (o *EtcdOptions) addConnectionFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar(&o.Servers, "etcd-servers", o.Servers, "etcd servers (scheme://host:port), comma separated. Give every member: a lost one is then passed over.")
	flags.StringVar(&o.CAFile, "etcd-cafile", o.CAFile, "file with the authorities that may have signed etcd's certificates; the machine's own if empty")
	flags.StringVar(&o.CertFile, "etcd-certfile", o.CertFile, "certificate file to show to etcd; read again for each connection")
	flags.StringVar(&o.KeyFile, "etcd-keyfile", o.KeyFile, "key file of --etcd-certfile")
	flags.StringVar(&o.Prefix, "etcd-prefix", o.Prefix, "prefix of all keys in etcd")
}

func (o *EtcdOptions) validate() []error {
	var all []error
	if err := o.Validate(); err != nil {
		all = append(all, err)
	}
	switch cleaned := path.Clean(o.Prefix); {
	case !strings.HasPrefix(o.Prefix, "/") || cleaned == "/" || cleaned != strings.TrimSuffix(o.Prefix, "/"):
		all = append(all, fmt.Errorf("--etcd-prefix %q: give an absolute path such as %s", o.Prefix, defaultPrefix))
	case cleaned == "/registry":
		all = append(all, fmt.Errorf("--etcd-prefix %s is where a kube-apiserver keeps its objects: give another, such as %s", cleaned, defaultPrefix))
	}
	if o.CompactionInterval < 0 {
		all = append(all, errors.New("--etcd-compaction-interval is negative: give a duration such as 5m, or 0 for none"))
	}
	return all
}

const (
	// etcdWithin is how long a start waits for an etcd that does not answer. It
	// may be starting itself.
	etcdWithin = time.Minute
	etcdPoll   = time.Second
	etcdTry    = 5 * time.Second
)

// connect returns a client of an etcd that answers and is fit.
func (o *EtcdOptions) connect(ctx context.Context) (*clientv3.Client, error) {
	client, err := etcd.Connect(o.ClientConfig)
	if err != nil {
		return nil, err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, etcdPoll, etcdWithin, true, func(ctx context.Context) (bool, error) {
		try, cancel := context.WithTimeout(ctx, etcdTry)
		defer cancel()
		last = etcd.Check(try, client, o.Prefix)
		switch {
		case last == nil:
			return true, nil
		case errors.Is(last, etcd.ErrUnfit):
			return false, last
		}
		klog.InfoS("Waiting for etcd", "servers", o.Servers, "reason", last)
		return false, nil
	})
	if err == nil {
		return client, nil
	}
	_ = client.Close()
	switch {
	case errors.Is(err, etcd.ErrUnfit):
		return nil, err
	case ctx.Err() != nil:
		return nil, fmt.Errorf("told to end while etcd at %s did not answer: %w", strings.Join(o.Servers, ","), last)
	}
	return nil, fmt.Errorf("etcd at %s did not answer within %s (--etcd-servers, --etcd-cafile, --etcd-certfile): %w", strings.Join(o.Servers, ","), etcdWithin, last)
}
