// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"errors"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/musterfleet/muster/pkg/registry/storage"
)

// ReportOptions bound what each agent may report.
type ReportOptions struct {
	// Rate is in bytes a second; 0 is no bound.
	Rate resource.QuantityValue
	// Burst is how many bytes an agent may write before Rate applies.
	Burst resource.QuantityValue
}

// leastReportBurst has room for a report of any size and some more.
const leastReportBurst = 4 << 20

func newReportOptions() ReportOptions {
	quantity := func(n int64) resource.QuantityValue {
		return resource.QuantityValue{Quantity: *resource.NewQuantity(n, resource.BinarySI)}
	}
	return ReportOptions{Rate: quantity(storage.DefaultReportRate), Burst: quantity(storage.DefaultReportBurst)}
}

// AddFlags adds the flags.
func (o *ReportOptions) AddFlags(flags *pflag.FlagSet) {
	flags.Var(&o.Rate, "report-rate",
		"how many bytes a second each agent may write to this replica through the status of its BundleDeployments, and as many again through the status of its Cluster. "+
			"A report counts with its size in etcd, but with at least a sixteenth of its JSON. An agent that writes more gets 429 with Retry-After. 0 is no bound.")
	flags.Var(&o.Burst, "report-burst",
		"how many bytes each agent may write before --report-rate applies, such as its first reports on all that it deploys")
}

func (o *ReportOptions) validate() []error {
	var all []error
	if o.Rate.Sign() < 0 {
		all = append(all, errors.New("--report-rate is negative: give a quantity such as 64Ki, or 0 for no bound"))
	}
	if o.Burst.Value() < leastReportBurst {
		all = append(all, errors.New("--report-burst is below 4Mi: give a quantity such as 64Mi; a single report may take 1.5Mi"))
	}
	return all
}

// allowance returns the bound that the options set; nil is no bound.
func (o *ReportOptions) allowance() *storage.Allowance {
	if o.Rate.IsZero() {
		return nil
	}
	return storage.NewAllowance(o.Rate.Value(), o.Burst.Value())
}
