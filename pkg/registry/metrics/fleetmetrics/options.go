// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"errors"

	"github.com/spf13/pflag"
)

// Options of a Handler.
type Options struct {
	// BundleDeployments is the largest number of BundleDeployments that have series. If
	// there are more, none has.
	BundleDeployments int
	// Leads reports whether this process has the series. A nil func means always.
	Leads func() bool
}

// AddFlags adds the flags.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.IntVar(&o.BundleDeployments, "fleet-metrics-bundledeployments", o.BundleDeployments,
		"the largest number of BundleDeployments for which "+Path+" has fleet_bundledeployment_state, with seven series for each; "+
			"if there are more, none of them has any. 0 leaves the metric out.")
}

// Validate returns all errors in the options.
func (o *Options) Validate() []error {
	if o.BundleDeployments < 0 {
		return []error{errors.New("--fleet-metrics-bundledeployments is negative: give a number of BundleDeployments, or 0 for no series of them")}
	}
	return nil
}
