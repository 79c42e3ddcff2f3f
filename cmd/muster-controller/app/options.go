// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"
	"slices"
	"time"

	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/options"
	cliflag "k8s.io/component-base/cli/flag"
	componentconfig "k8s.io/component-base/config"
	electionoptions "k8s.io/component-base/config/options"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/musterfleet/muster/cmd/program"
	"github.com/musterfleet/muster/pkg/controller/agentaccess"
	"github.com/musterfleet/muster/pkg/controller/clusterprofile"
	"github.com/musterfleet/muster/pkg/controller/loops"
	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/metrics/fleetmetrics"
	"github.com/musterfleet/muster/pkg/registry/server"
	"github.com/musterfleet/muster/pkg/restore"
)

// Options are the choices of an operator. Start from NewOptions.
type Options struct {
	// Serving, Authentication and Authorization are for health checks, which every client
	// may read, and metrics, which need a right.
	Serving        *options.SecureServingOptions
	Authentication *options.DelegatingAuthenticationOptions
	Authorization  *options.DelegatingAuthorizationOptions
	CoreAPI        *options.CoreAPIOptions
	Etcd           etcdoptions.Options
	Encryption     etcdoptions.Encryption
	Restore        restore.Options
	Election       componentconfig.LeaderElectionConfiguration
	AgentAccess    agentaccess.Settings
	// ClusterProfiles is for the controller clusterprofiles, which is off by default.
	ClusterProfiles clusterprofile.Settings
	Controllers     loops.Chosen
	Logs            *logs.Options
	// FleetMetrics says what Fleet's metrics show. Run sets Leads.
	FleetMetrics fleetmetrics.Options
}

// NewOptions returns the defaults: those of the API machinery where it has some.
func NewOptions() *Options {
	serving := options.NewSecureServingOptions()
	serving.BindPort = 8444
	// Without a certificate it makes one in memory: kubelet does not verify it.
	serving.ServerCert.CertDirectory, serving.ServerCert.PairName = "", "muster-controller"
	o := &Options{
		Serving:        serving,
		Authentication: options.NewDelegatingAuthenticationOptions(),
		Authorization:  options.NewDelegatingAuthorizationOptions(),
		CoreAPI:        options.NewCoreAPIOptions(),
		Etcd:           etcdoptions.New(),
		Restore:        restore.NewOptions(program.OwnNamespace()),
		Election: componentconfig.LeaderElectionConfiguration{
			LeaderElect:       true,
			LeaseDuration:     metav1.Duration{Duration: 15 * time.Second},
			RenewDeadline:     metav1.Duration{Duration: 10 * time.Second},
			RetryPeriod:       metav1.Duration{Duration: 2 * time.Second},
			ResourceLock:      "leases",
			ResourceName:      "muster-controller",
			ResourceNamespace: program.OwnNamespace(),
		},
		AgentAccess:     agentaccess.DefaultSettings(),
		ClusterProfiles: clusterprofile.DefaultSettings(),
		Controllers:     loops.DefaultChosen(),
		Logs:            logs.NewOptions(),
		FleetMetrics:    fleetmetrics.Options{BundleDeployments: fleetmetrics.DefaultBundleDeployments},
	}
	o.AgentAccess.OwnNamespace = o.Election.ResourceNamespace
	// Only metrics need these: without kube-apiserver the controller should still start.
	o.Authentication.RemoteKubeConfigFileOptional, o.Authorization.RemoteKubeConfigFileOptional = true, true
	o.Authorization.AlwaysAllowPaths = []string{"/healthz", "/livez", "/readyz"}
	return o
}

// Flags returns the flags by theme.
func (o *Options) Flags() cliflag.NamedFlagSets {
	var sets cliflag.NamedFlagSets
	add := func(name string, to func(*pflag.FlagSet), withheld ...string) {
		program.AddFlags(&sets, name, to, withheld...)
	}
	add("etcd", o.Etcd.AddConnectionFlags)
	add("restore", o.Restore.AddFlags)
	add("encryption", o.Encryption.AddFlags)
	add("kubernetes", o.CoreAPI.AddFlags)
	// Leases are the only locks left.
	add("leader election", func(flags *pflag.FlagSet) { electionoptions.BindLeaderElectionFlags(&o.Election, flags) }, "leader-elect-resource-lock")
	add("controllers", o.Controllers.AddFlags)
	add("agents", o.AgentAccess.AddFlags)
	add("cluster profiles", o.ClusterProfiles.AddFlags)
	add("metrics", o.FleetMetrics.AddFlags)
	add("secure serving", o.Serving.AddFlags, "cert-dir", "tls-sni-cert-key")
	sets.FlagSet("secure serving").Lookup("secure-port").Usage = "port for /healthz, /livez, /readyz, /metrics and /metrics/fleet; 0 serves none of them"
	sets.FlagSet("secure serving").Lookup("tls-cert-file").Usage = "file with the certificate to serve with; if empty, the process makes one for itself"
	sets.FlagSet("secure serving").Lookup("tls-private-key-file").Usage = "file with the key of --tls-cert-file"
	add("authentication", o.Authentication.AddFlags, "authentication-tolerate-lookup-failure")
	add("authorization", o.Authorization.AddFlags)
	add("logs", func(flags *pflag.FlagSet) { logsapi.AddFlags(o.Logs, flags) })
	return sets
}

// Validate returns all errors in the options. Each names the flag that repairs it.
func (o *Options) Validate() error {
	all := slices.Concat(
		o.Etcd.Validate(),
		o.Encryption.Validate(),
		o.Restore.Validate(),
		o.Serving.Validate(),
		o.Authentication.Validate(),
		o.Authorization.Validate(),
		o.AgentAccess.Validate(),
		o.Controllers.Validate(),
		o.ClusterProfiles.Validate(),
		o.FleetMetrics.Validate(),
		server.ValidateOpenPaths(o.Authorization.AlwaysAllowPaths),
	)
	if e := o.Election; e.LeaderElect {
		if e.LeaseDuration.Duration <= e.RenewDeadline.Duration || e.RenewDeadline.Duration <= e.RetryPeriod.Duration*6/5 || e.RetryPeriod.Duration <= 0 {
			all = append(all, errors.New("--leader-elect-lease-duration must be more than --leader-elect-renew-deadline, and that more than 1.2 times --leader-elect-retry-period, as in 15s, 10s and 2s"))
		}
		if e.ResourceName == "" || e.ResourceNamespace == "" {
			all = append(all, errors.New("--leader-elect-resource-namespace and --leader-elect-resource-name are required: they name the Lease"))
		}
	}
	return errors.Join(all...)
}
