// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"slices"
	"text/template/parse"
)

// Reads returns the places in the data that an evaluation may look at, each as a path of
// keys from the top: `${ .a.b }` and `${ index .a "b" }` read a.b. A place includes
// everything below it, and the fact that it is missing. The empty path is all of the data.
// A path may occur more than once.
//
// Two sets of data give the same text, or the same error, under the same Environment if
// they are alike at all these places and have maps above them. The places come from the
// parsed text alone: each branch counts, and a use that is not understood counts as a read
// of the whole. Each call costs O(length of the text).
func (t *Template) Reads() [][]string {
	var r reads
	// The other templates of the text see only what they were passed, and passing has read
	// it.
	if tree := t.trees[t.name]; tree != nil {
		r.list(tree.Root, top)
	}
	return r.paths
}

// reads walks a tree with the dot that it would have in an execution.
//
// It follows an expression as long as the expression only navigates: the result is a place,
// and nothing has been read yet. Any use of a place then reads it. So a variable, the dot
// of a range, or the result of a function can show nothing that has not been read. And what
// a function writes into the data, it writes into a place that it was passed.
type reads struct{ paths [][]string }

// operand is the result of an expression.
type operand struct {
	kind operandKind
	path []string // of a place
	text string   // of a constant
}

type operandKind int

const (
	// made is a value computed from what has been read, or from nothing.
	made operandKind = iota
	place
	constant
)

var top = operand{kind: place}

// below returns the operand for fields of an operand.
func (o operand) below(keys ...string) operand {
	if o.kind != place {
		return operand{}
	}
	return operand{kind: place, path: slices.Concat(o.path, keys)}
}

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

// branch walks a control structure. Its list has a dot of its own.
func (r *reads) branch(b *parse.BranchNode, inside, dot operand) {
	r.use(r.pipe(b.Pipe, dot))
	r.list(b.List, inside)
	r.list(b.ElseList, dot)
}

func (r *reads) pipe(p *parse.PipeNode, dot operand) operand {
	if p == nil {
		return operand{}
	}
	var last []operand // the last argument of the next command
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
	// This is a call of a method, or an error.
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
		if n.Ident[0] == "$" { // or a variable that shadows it, which was read when it was set
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

// call returns the result of a function. Some functions look up a key, at a cost that does
// not depend on the other keys; their result is another place. All others read their
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

// lookUp returns the operand under keys. If a key is not constant, it can be anything, so
// lookUp reads from.
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
