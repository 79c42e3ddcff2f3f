// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregated

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	encryptionconfigcontroller "k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// EncryptionOptions say how secrets are kept in etcd.
type EncryptionOptions struct {
	// ConfigFile is an EncryptionConfiguration, as kube-apiserver takes it.
	ConfigFile string
	// AutomaticReload reads the file again when it changes.
	AutomaticReload bool
}

// AddFlags adds the flags, named as kube-apiserver's.
func (o *EncryptionOptions) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ConfigFile, "encryption-provider-config", o.ConfigFile,
		"file with an EncryptionConfiguration, as kube-apiserver takes it. Bundles hold Helm values: name bundles.fleet.cattle.io in it, or *.fleet.cattle.io. "+
			"After a change of keys, \"muster-apiserver reencrypt\" rewrites what is stored.")
	flags.BoolVar(&o.AutomaticReload, "encryption-provider-config-automatic-reload", o.AutomaticReload, "read --encryption-provider-config again when it changes")
}

func (o *EncryptionOptions) validate() []error {
	if o.AutomaticReload && o.ConfigFile == "" {
		return []error{errors.New("--encryption-provider-config-automatic-reload needs --encryption-provider-config")}
	}
	return nil
}

// encryption is what the configuration file asks for.
type encryption struct {
	transformers value.ResourceTransformers
	checks       []healthz.HealthChecker
	// watch keeps up with the file until the context ends; nil if nothing does.
	watch func(context.Context)
}

// load reads the configuration; nil without one. What it starts, to speak to a
// key management service, ends with ctx.
func (o *EncryptionOptions) load(ctx context.Context, serverID string) (*encryption, error) {
	if o.ConfigFile == "" {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	loaded, err := encryptionconfig.LoadEncryptionConfig(ctx, o.ConfigFile, o.AutomaticReload, serverID)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("--encryption-provider-config %s: %w", o.ConfigFile, err)
	}
	if !o.AutomaticReload {
		context.AfterFunc(ctx, cancel)
		return &encryption{transformers: encryptionconfig.StaticTransformers(loaded.Transformers), checks: loaded.HealthChecks}, nil
	}
	// With reload there is always one check, for all services together.
	dynamic := encryptionconfig.NewDynamicTransformers(loaded.Transformers, loaded.HealthChecks[0], cancel, loaded.KMSCloseGracePeriod)
	controller := encryptionconfigcontroller.NewDynamicEncryptionConfiguration(
		"encryption-provider-config", o.ConfigFile, dynamic, loaded.EncryptionFileContentHash, serverID)
	return &encryption{transformers: dynamic, checks: []healthz.HealthChecker{dynamic}, watch: controller.Run}, nil
}

// addTo makes the server tell whether key management answers. Only /readyz asks:
// a restart would not bring it back.
func (e *encryption) addTo(config *genericapiserver.Config) {
	if e != nil {
		config.HealthzChecks = append(config.HealthzChecks, e.checks...)
		config.ReadyzChecks = append(config.ReadyzChecks, e.checks...)
	}
}

// seals is the encryption as the log uses it. Without a configuration it is that
// of an empty one: nothing is encrypted, and what was encrypted once is refused
// and not taken for a bad record.
func (e *encryption) seals() etcd.Option {
	var of value.ResourceTransformers = encryptionconfig.StaticTransformers{}
	if e != nil {
		of = e.transformers
	}
	return etcd.SealedBy(func(resource string) etcd.Sealer {
		return sealer{of.TransformerForResource(schema.ParseGroupResource(resource))}
	})
}

// sealer is the API server's transformer as the log's.
type sealer struct{ value.Transformer }

var _ etcd.Sealer = sealer{}

// Seal implements etcd.Sealer.
func (s sealer) Seal(ctx context.Context, data, path []byte) ([]byte, error) {
	return s.TransformToStorage(ctx, data, value.DefaultContext(path))
}

// Open implements etcd.Sealer.
func (s sealer) Open(ctx context.Context, data, path []byte) (plain []byte, stale bool, err error) {
	return s.TransformFromStorage(ctx, data, value.DefaultContext(path))
}
