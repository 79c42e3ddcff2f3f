// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"
	"text/template/parse"
)

// Reads are the places in the data that an evaluation may look at, each a path of
// keys from the top: `${ .a.b }` and `${ index .a "b" }` read a.b. A place stands for
// all that is below it, and for what tells that it is not there. The empty path is all
// of the data. A path may come more than once.
//
// Two data that are alike at all these places, and have maps above them, give the same
// text or the same error under the same Environment. It is found in the parsed text,
// whatever the data are: each branch counts, and what is used in a way that is not
// understood counts as a whole. It costs O(length of the text), at each call.
func (t *Template) Reads() [][]string {
	var r reads
	// What other templates of the text see was handed to them, and has been read so.
	if tree := t.trees[t.name]; tree != nil {
		r.list(tree.Root, top)
	}
	return r.paths
}

// reads goes through a tree with dot as it would be when that is executed.
//
// An expression is followed as long as it only says where to go: what it comes to is a
// place, and nothing has been read. Whatever is done with a place then reads it. So
// what follows, a variable, the dot of a range, the result of a function, can show
// nothing that is not read already; and what a function writes into the data, it writes
// into a place that was handed to it.
type reads struct{ paths [][]string }

// operand is what an expression comes to.
type operand struct {
	kind operandKind
	path []string // of a place
	text string   // of a constant
}

type operandKind int

const (
	// made is a value made of what has been read, or of nothing.
	made operandKind = iota
	place
	constant
)

var top = operand{kind: place}

// below is what fields of an operand are.
func (o operand) below(keys ...string) operand {
	if o.kind != place {
		return operand{}
	}
	return operand{kind: place, path: slices.Concat(o.path, keys)}
}

// use reads operands.
func (r *reads) use(operands ...operand) {
	for _, o := range operands {
		if o.kind == place {
			r.paths = append(r.paths, o.path)
		}
	}
}

func (r *reads) list(l *parse.ListNode, dot operand) {
	if l == nil {
		return
	}
	for _, n := range l.Nodes {
		r.node(n, dot)
	}
}

func (r *reads) node(n parse.Node, dot operand) {
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode, *parse.BreakNode, *parse.ContinueNode:
	case *parse.ActionNode:
		r.use(r.pipe(n.Pipe, dot))
	case *parse.IfNode:
		r.branch(&n.BranchNode, dot, dot)
	case *parse.RangeNode:
		r.branch(&n.BranchNode, operand{}, dot)
	case *parse.WithNode:
		r.branch(&n.BranchNode, operand{}, dot)
	case *parse.TemplateNode:
		r.use(r.pipe(n.Pipe, dot))
	default:
		r.use(top)
	}
}

// branch goes through a control structure: its list has a dot of its own.
func (r *reads) branch(b *parse.BranchNode, inside, dot operand) {
	r.use(r.pipe(b.Pipe, dot))
	r.list(b.List, inside)
	r.list(b.ElseList, dot)
}

func (r *reads) pipe(p *parse.PipeNode, dot operand) operand {
	if p == nil {
		return operand{}
	}
	var last []operand // what the next command gets as its last argument
	for _, c := range p.Cmds {
		last = []operand{r.command(c, dot, last)}
	}
	if len(p.Decl) > 0 {
		r.use(last...)
		return operand{}
	}
	return last[0]
}

func (r *reads) command(c *parse.CommandNode, dot operand, last []operand) operand {
	if f, ok := c.Args[0].(*parse.IdentifierNode); ok {
		args := make([]operand, 0, len(c.Args))
		for _, n := range c.Args[1:] {
			args = append(args, r.operand(n, dot))
		}
		return r.call(f.Ident, append(args, last...))
	}
	if len(c.Args) == 1 && len(last) == 0 {
		return r.operand(c.Args[0], dot)
	}
	// The call of a method, or an error.
	for _, n := range c.Args {
		r.use(r.operand(n, dot))
	}
	r.use(last...)
	return operand{}
}

func (r *reads) operand(n parse.Node, dot operand) operand {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot
	case *parse.FieldNode:
		return dot.below(n.Ident...)
	case *parse.VariableNode:
		if n.Ident[0] == "$" { // or one of that name, which was read when it was set
			return top.below(n.Ident[1:]...)
		}
		return operand{}
	case *parse.ChainNode:
		return r.operand(n.Node, dot).below(n.Field...)
	case *parse.PipeNode:
		return r.pipe(n, dot)
	case *parse.IdentifierNode:
		return r.call(n.Ident, nil)
	case *parse.StringNode:
		return operand{kind: constant, text: n.Text}
	case *parse.BoolNode, *parse.NumberNode, *parse.NilNode:
		return operand{}
	}
	r.use(top)
	return operand{}
}

// call is a function's result. Of functions that look a key up, and do so at no cost
// that depends on what else is there, it is another place; all others read their
// arguments.
func (r *reads) call(name string, args []operand) operand {
	switch {
	case name == "index" && len(args) > 0:
		return r.lookUp(args[0], args[1:])
	case name == "get" && len(args) == 2:
		return r.lookUp(args[0], args[1:])
	case name == "hasKey" && len(args) == 2:
		r.use(r.lookUp(args[0], args[1:]))
		return operand{}
	case name == "dig" && len(args) > 2:
		keys, fallback, from := args[:len(args)-2], args[len(args)-2], args[len(args)-1]
		r.use(fallback, r.lookUp(from, keys))
		return operand{}
	}
	r.use(args...)
	return operand{}
}

// lookUp is what is under keys; where one is not known, that can be anything.
func (r *reads) lookUp(from operand, keys []operand) operand {
	for i, key := range keys {
		if key.kind != constant {
			r.use(from)
			r.use(keys[i:]...)
			return operand{}
		}
		from = from.below(key.text)
	}
	return from
}
