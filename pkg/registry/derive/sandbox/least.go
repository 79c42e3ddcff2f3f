// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import "text/template/parse"

// AtLeast returns the least number of units that an evaluation takes of a Budget, over all
// data, unless it fails. It is more than MaxWork for a template that can work nowhere. It
// comes from the text alone, and leaves out the bodies of branches and loops.
func (t *Template) AtLeast() int { return t.atLeast }

// tooDear is a function that by design takes longer than a whole Budget for one call.
const tooDear = "derivePassword"

// unconditional returns the cost of the nodes of a list that are always evaluated.
func unconditional(l *parse.ListNode) int {
	units := 0
	if l == nil {
		return units
	}
	for _, n := range l.Nodes {
		switch n := n.(type) {
		case *parse.ActionNode:
			units += unconditionalPipe(n.Pipe)
		case *parse.IfNode:
			units += unconditionalPipe(n.Pipe)
		case *parse.RangeNode:
			units += unconditionalPipe(n.Pipe)
		case *parse.WithNode:
			units += unconditionalPipe(n.Pipe)
		case *parse.TemplateNode:
			units += unconditionalPipe(n.Pipe)
		}
		if units > MaxWork {
			break
		}
	}
	return units
}

func unconditionalPipe(p *parse.PipeNode) int {
	units := 0
	if p == nil {
		return units
	}
	for _, cmd := range p.Cmds {
		units += nodeUnits
		args := cmd.Args
		if f, ok := args[0].(*parse.IdentifierNode); ok {
			if f.Ident == "and" || f.Ident == "or" {
				args = args[:min(2, len(args))] // later arguments may be skipped
			}
			if f.Ident == tooDear {
				return MaxWork + 1
			}
			units += functions[f.Ident].price.call
		}
		for _, arg := range args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				units += unconditionalPipe(inner)
			}
		}
	}
	return units
}
