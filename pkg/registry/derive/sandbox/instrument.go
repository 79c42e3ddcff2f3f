// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"text/template/parse"
)

// These are the functions that instrument adds. The parser does not know them, so no
// template can call them.
const (
	stepFunc  = "__step"
	enterFunc = "__enter"
	leaveFunc = "__leave"
	printFunc = "__print"
)

// instrument rewrites parsed trees so that their evaluation is counted:
//
//	${range .x}  a b c  ${end}    becomes    ${range .x}${__step 3}  a b c  ${end}
//	${define "t"} a b   ${end}    becomes    ${define "t"}${__enter 2}  a b  ${__leave}${end}
//	${ .x }                       becomes    ${ .x | __print }
//
// The argument is the weight of the list, so that a long body costs more than a short one.
// text/template has no hook for this, but it runs any tree.
type instrument struct {
	uses map[string]bool
	made map[string]*parse.ActionNode
}

// tree rewrites one tree. ${template} may call every tree, including the main one, so each
// counts its depth.
func (in *instrument) tree(t *parse.Tree) error {
	weight, err := in.list(t.Root, 0)
	if err != nil {
		return err
	}
	nodes := make([]parse.Node, 0, len(t.Root.Nodes)+2)
	nodes = append(nodes, in.call(fmt.Sprintf("%s %d", enterFunc, weight)))
	nodes = append(nodes, t.Root.Nodes...)
	t.Root.Nodes = append(nodes, in.call(leaveFunc))
	return nil
}

// body rewrites a list that is evaluated as a whole or not at all.
func (in *instrument) body(l *parse.ListNode, depth int) error {
	if l == nil {
		return nil
	}
	weight, err := in.list(l, depth)
	if err != nil {
		return err
	}
	l.Nodes = append([]parse.Node{in.call(fmt.Sprintf("%s %d", stepFunc, weight))}, l.Nodes...)
	return nil
}

// list rewrites everything below the nodes of a list and returns its weight.
func (in *instrument) list(l *parse.ListNode, depth int) (int, error) {
	if depth > maxNesting {
		return 0, fmt.Errorf("template nests its control structures more than %d levels deep", maxNesting)
	}
	weight := 1
	for _, n := range l.Nodes {
		w, err := in.node(n, depth)
		if err != nil {
			return 0, err
		}
		weight += w
	}
	return weight, nil
}

func (in *instrument) node(n parse.Node, depth int) (int, error) {
	switch n := n.(type) {
	case *parse.TextNode:
		return 1 + len(n.Text)/1024, nil
	case *parse.ActionNode:
		w, err := in.pipe(n.Pipe, depth)
		if err == nil && len(n.Pipe.Decl) == 0 && !in.weighed(n.Pipe) {
			n.Pipe.Cmds = append(n.Pipe.Cmds, in.command(printFunc))
		}
		return w, err
	case *parse.IfNode:
		return in.branch(&n.BranchNode, depth)
	case *parse.RangeNode:
		return in.branch(&n.BranchNode, depth)
	case *parse.WithNode:
		return in.branch(&n.BranchNode, depth)
	case *parse.TemplateNode:
		return in.pipe(n.Pipe, depth)
	}
	return 1, nil
}

func (in *instrument) branch(b *parse.BranchNode, depth int) (int, error) {
	w, err := in.pipe(b.Pipe, depth)
	if err != nil {
		return 0, err
	}
	if err := in.body(b.List, depth+1); err != nil {
		return 0, err
	}
	return w, in.body(b.ElseList, depth+1)
}

// pipe returns the weight of a pipeline, including all pipelines in parentheses.
func (in *instrument) pipe(p *parse.PipeNode, depth int) (int, error) {
	if depth > maxNesting {
		return 0, fmt.Errorf("template nests its parentheses more than %d levels deep", maxNesting)
	}
	if p == nil {
		return 1, nil
	}
	weight := 1
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			w, err := in.arg(arg, depth)
			if err != nil {
				return 0, err
			}
			weight += w
		}
	}
	return weight, nil
}

func (in *instrument) arg(n parse.Node, depth int) (int, error) {
	switch n := n.(type) {
	case *parse.IdentifierNode:
		in.uses[n.Ident] = true
		return max(1, builtins[n.Ident]), nil
	case *parse.PipeNode:
		return in.pipe(n, depth+1)
	case *parse.ChainNode:
		w, err := in.arg(n.Node, depth+1)
		return w + len(n.Field), err
	}
	return 1, nil
}

// weighed reports whether the wrapper of the last function of a pipeline has already
// weighed the result, so that printing it needs no further check.
func (in *instrument) weighed(p *parse.PipeNode) bool {
	ident, ok := p.Cmds[len(p.Cmds)-1].Args[0].(*parse.IdentifierNode)
	if !ok {
		return false
	}
	f, ok := functions[ident.Ident]
	return ok && !f.shallow
}

// call returns an action that calls one of the added functions.
func (in *instrument) call(text string) *parse.ActionNode {
	if node := in.made[text]; node != nil {
		return node
	}
	trees, err := parse.Parse("limit", Open+text+Close, Open, Close,
		map[string]any{stepFunc: true, enterFunc: true, leaveFunc: true, printFunc: true})
	if err != nil {
		panic(fmt.Sprintf("sandbox: %q does not parse: %v", text, err))
	}
	node := trees["limit"].Root.Nodes[0].(*parse.ActionNode)
	if in.made == nil {
		in.made = map[string]*parse.ActionNode{}
	}
	in.made[text] = node
	return node
}

func (in *instrument) command(name string) *parse.CommandNode {
	return in.call(name).Pipe.Cmds[0]
}
