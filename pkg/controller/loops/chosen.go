// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package loops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Chosen selects controllers as kube-controller-manager's --controllers does: "name" enables
// one, "-name" disables it, and "*" enables all that are not disabled by default. The first
// entry that names a controller decides. A controller that nothing selects does not run.
type Chosen []string

// DefaultChosen returns the controllers that are enabled by default.
func DefaultChosen() Chosen { return Chosen{"*"} }

// AddFlags adds --controllers.
func (c *Chosen) AddFlags(flags *pflag.FlagSet) {
	flags.StringSliceVar((*[]string)(c), "controllers", *c, "A list of controllers to enable. '*' enables all on-by-default controllers, "+
		"'foo' enables the controller named 'foo', '-foo' disables the controller named 'foo'.\n"+
		"All controllers: "+strings.Join(names(func(row) bool { return true }), ", ")+"\n"+
		"Disabled-by-default controllers: "+strings.Join(names(func(r row) bool { return r.disabled }), ", "))
}

// Validate returns an error for each entry that names no controller.
func (c Chosen) Validate() []error {
	var all []error
	for _, entry := range c {
		name := strings.TrimPrefix(entry, "-")
		if entry != "*" && !slices.ContainsFunc(list, func(r row) bool { return r.name == name && !r.alone }) {
			all = append(all, fmt.Errorf("--controllers: %q is not in the list of known controllers", name))
		}
	}
	return all
}

func (c Chosen) has(r row) bool {
	for _, entry := range c {
		switch entry {
		case r.name:
			return true
		case "-" + r.name:
			return false
		}
	}
	return !r.disabled && slices.Contains(c, "*")
}

// names returns the controllers of the flag for which a condition holds.
func names(which func(row) bool) []string {
	var out []string
	for _, r := range list {
		if which(r) && !r.alone {
			out = append(out, r.name)
		}
	}
	slices.Sort(out)
	return out
}
