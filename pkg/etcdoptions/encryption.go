// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdoptions

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	encryptionconfigcontroller "k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// Encryption holds the options of encryption at rest.
type Encryption struct {
	// ConfigFile names a file with an EncryptionConfiguration, in kube-apiserver's format.
	ConfigFile string
	// AutomaticReload reads the file again when it changes.
	AutomaticReload bool
}

// AddFlags adds the flags, with kube-apiserver's names.
func (o *Encryption) AddFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.ConfigFile, "encryption-provider-config", o.ConfigFile,
		"file with an EncryptionConfiguration, as for kube-apiserver. Bundles hold Helm values: name bundles.fleet.cattle.io in it, or *.fleet.cattle.io. "+
			"After a change of keys, \"muster-apiserver reencrypt\" rewrites all records.")
	flags.BoolVar(&o.AutomaticReload, "encryption-provider-config-automatic-reload", o.AutomaticReload, "read --encryption-provider-config again when it changes")
}

// Validate returns what is wrong with the options.
func (o *Encryption) Validate() []error {
	if o.AutomaticReload && o.ConfigFile == "" {
		return []error{errors.New("--encryption-provider-config-automatic-reload needs --encryption-provider-config")}
	}
	return nil
}

// Keys encrypts and decrypts records with the keys of the configuration file. Without a
// file it encrypts nothing and cannot read encrypted records.
type Keys struct {
	// Checks fail while a key management service does not answer. Only /readyz should run
	// them: a restart would not bring the service back.
	Checks []healthz.HealthChecker

	transformers value.ResourceTransformers
	follow       func(context.Context)
}

// Load reads the configuration file. The end of ctx closes the connections to a key
// management service.
func (o *Encryption) Load(ctx context.Context, serverID string) (*Keys, error) {
	if o.ConfigFile == "" {
		return &Keys{transformers: encryptionconfig.StaticTransformers{}}, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	loaded, err := encryptionconfig.LoadEncryptionConfig(ctx, o.ConfigFile, o.AutomaticReload, serverID)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("--encryption-provider-config %s: %w", o.ConfigFile, err)
	}
	if !o.AutomaticReload {
		context.AfterFunc(ctx, cancel)
		return &Keys{transformers: encryptionconfig.StaticTransformers(loaded.Transformers), Checks: loaded.HealthChecks}, nil
	}
	// With reload, one check covers all services.
	dynamic := encryptionconfig.NewDynamicTransformers(loaded.Transformers, loaded.HealthChecks[0], cancel, loaded.KMSCloseGracePeriod)
	controller := encryptionconfigcontroller.NewDynamicEncryptionConfiguration("encryption-provider-config", o.ConfigFile, dynamic, loaded.EncryptionFileContentHash, serverID)
	return &Keys{transformers: dynamic, Checks: []healthz.HealthChecker{dynamic}, follow: controller.Run}, nil
}

// Follow reads the file again whenever it changes, until ctx ends. Without AutomaticReload
// it returns at once.
func (k *Keys) Follow(ctx context.Context) {
	if k.follow != nil {
		k.follow(ctx)
	}
}

// Option returns the option that makes a log use the keys.
func (k *Keys) Option() etcd.Option {
	return etcd.EncryptedBy(func(resource string) etcd.Encryption {
		return transformer{k.transformers.TransformerForResource(schema.ParseGroupResource(resource))}
	})
}

// transformer adapts the API server's transformer to the log.
type transformer struct{ value.Transformer }

var _ etcd.Encryption = transformer{}

// Encrypt implements etcd.Encryption.
func (t transformer) Encrypt(ctx context.Context, data, path []byte) ([]byte, error) {
	return t.TransformToStorage(ctx, data, value.DefaultContext(path))
}

// Decrypt implements etcd.Encryption.
func (t transformer) Decrypt(ctx context.Context, data, path []byte) (plain []byte, stale bool, err error) {
	return t.TransformFromStorage(ctx, data, value.DefaultContext(path))
}
