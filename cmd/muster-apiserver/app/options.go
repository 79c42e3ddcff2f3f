// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"slices"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/server/options"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/musterfleet/muster/cmd/muster-apiserver/app/placement"
	"github.com/musterfleet/muster/cmd/program"
	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/restore"
)

// maxStreams bounds the requests and watches on one connection. An aggregator puts those
// of all clients on a few connections.
const maxStreams = 1000

// Options are the choices of an operator. Start from NewOptions.
type Options struct {
	Server         *options.ServerRunOptions
	Serving        *options.SecureServingOptionsWithLoopback
	Authentication *options.DelegatingAuthenticationOptions
	Authorization  *options.DelegatingAuthorizationOptions
	Admission      *options.AdmissionOptions
	Audit          *options.AuditOptions
	Features       *options.FeatureOptions
	CoreAPI        *options.CoreAPIOptions
	Tracing        *options.TracingOptions
	Etcd           etcdoptions.Options
	Engine         EngineOptions
	Reports        ReportOptions
	Encryption     etcdoptions.Encryption
	Restore        restore.Options
	Logs           *logs.Options
}

// NewOptions returns the defaults: those of the API machinery where it has some, except
// that profiling is off.
func NewOptions() *Options {
	serving := options.NewSecureServingOptions()
	serving.BindPort = 8443
	serving.Required = true
	serving.HTTP2MaxStreamsPerConnection = maxStreams
	o := &Options{
		Server:         options.NewServerRunOptionsForComponent(server.Component, server.Components()),
		Serving:        serving.WithLoopback(),
		Authentication: options.NewDelegatingAuthenticationOptions(),
		Authorization:  options.NewDelegatingAuthorizationOptions(),
		Admission:      options.NewAdmissionOptions(),
		Audit:          options.NewAuditOptions(),
		Features:       options.NewFeatureOptions(),
		CoreAPI:        options.NewCoreAPIOptions(),
		Tracing:        options.NewTracingOptions(),
		Etcd:           etcdoptions.New(),
		Engine:         newEngineOptions(),
		Reports:        newReportOptions(),
		Restore:        restore.NewOptions(program.OwnNamespace()),
		Logs:           logs.NewOptions(),
	}
	placement.Register(o.Admission.Plugins)
	o.Admission.RecommendedPluginOrder = append(o.Admission.RecommendedPluginOrder, placement.Plugin)
	o.Features.EnableProfiling = false
	// server.NewConfig decides what is the same in every program.
	defaults := server.NewConfig()
	o.Server.RequestTimeout = defaults.RequestTimeout
	o.Server.MinRequestTimeout = defaults.MinRequestTimeout
	o.Server.MaxRequestBodyBytes = defaults.MaxRequestBodyBytes
	o.Server.JSONPatchMaxCopyBytes = defaults.JSONPatchMaxCopyBytes
	o.Server.ShutdownWatchTerminationGracePeriod = defaults.ShutdownWatchTerminationGracePeriod
	o.Server.ShutdownSendRetryAfter = true
	return o
}

// withheld are the flags of the API machinery that this program does not offer.
var withheld = []string{
	// It would start a server that takes every client for anonymous.
	"authentication-tolerate-lookup-failure",
	// An aggregator cannot verify a certificate that the server makes itself.
	"cert-dir", "tls-sni-cert-key",
	// It opens an unprotected socket.
	"debug-socket-path",
	// Only a kube-apiserver needs the address: it lists itself.
	"advertise-address",
	// The generic storage, which it is about, initialises nothing here.
	"storage-initialization-timeout",
}

// Flags returns the flags by theme.
func (o *Options) Flags() cliflag.NamedFlagSets {
	var sets cliflag.NamedFlagSets
	add := func(name string, to func(*pflag.FlagSet)) { program.AddFlags(&sets, name, to, withheld...) }
	add("etcd", o.Etcd.AddFlags)
	add("engine", o.Engine.AddFlags)
	add("reports", o.Reports.AddFlags)
	add("restore", o.Restore.AddFlags)
	add("encryption", o.Encryption.AddFlags)
	add("secure serving", o.Serving.AddFlags)
	// The API machinery's texts speak of a certificate that the server makes itself.
	sets.FlagSet("secure serving").Lookup("tls-cert-file").Usage = "file with the certificate to serve with, for the name of the Service, followed by intermediate authorities if any; read again when it changes"
	sets.FlagSet("secure serving").Lookup("tls-private-key-file").Usage = "file with the key of --tls-cert-file"
	add("kubernetes", o.CoreAPI.AddFlags)
	add("authentication", o.Authentication.AddFlags)
	add("authorization", o.Authorization.AddFlags)
	add("admission", o.Admission.AddFlags)
	add("audit", o.Audit.AddFlags)
	add("tracing", o.Tracing.AddFlags)
	add("features", o.Features.AddFlags)
	add("generic", o.Server.AddUniversalFlags)
	add("logs", func(flags *pflag.FlagSet) { logsapi.AddFlags(o.Logs, flags) })
	return sets
}

// Validate returns all errors in the options. Each names the flag that repairs it.
func (o *Options) Validate() error {
	all := slices.Concat(
		o.Server.Validate(),
		o.Serving.Validate(),
		o.Authentication.Validate(),
		o.Authorization.Validate(),
		o.Admission.Validate(),
		o.Audit.Validate(),
		o.Features.Validate(),
		o.Tracing.Validate(),
		o.Etcd.Validate(),
		o.Engine.validate(),
		o.Reports.validate(),
		o.Encryption.Validate(),
		o.Restore.Validate(),
		server.ValidateOpenPaths(o.Authorization.AlwaysAllowPaths),
	)
	files := o.Serving.ServerCert.CertKey
	if files.CertFile == "" || files.KeyFile == "" {
		all = append(all, errors.New("--tls-cert-file and --tls-private-key-file are required: "+
			"give a certificate for the name of the Service, which the APIService's caBundle verifies"))
	}
	header := o.Authentication.RequestHeader
	switch {
	case o.Authentication.SkipInClusterLookup && header.ClientCAFile == "":
		all = append(all, errors.New("--authentication-skip-lookup needs --requestheader-client-ca-file: "+
			"without it the server could not tell the users behind the aggregator apart"))
	case header.ClientCAFile != "" && len(header.AllowedNames) == 0:
		all = append(all, errors.New("--requestheader-client-ca-file needs --requestheader-allowed-names: "+
			"without it every certificate of that authority could speak for any user"))
	}
	return errors.Join(all...)
}
