// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/musterfleet/muster/cmd/program"
)

// NewCommand returns the command muster-controller, which runs until ctx ends.
func NewCommand(ctx context.Context, out io.Writer) *cobra.Command {
	o := NewOptions()
	command := &cobra.Command{
		Use:   "muster-controller",
		Short: "Write promotions, mirrors and agents' rights, and remove unused records",
		Long: "muster-controller continues roll-outs, registers agents, and removes unused records.\n" +
			"While none runs, nothing is lost and no answer is wrong: roll-outs pause, and new agents wait.\n" +
			"Any number may run; a Lease decides which one works.",
	}
	program.Complete(command, o.Flags(), o.Logs, out, func() error { return Run(ctx, o) })
	return command
}
