// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleetmetrics

import (
	"io"
	"strconv"
	"strings"
)

// chunk is how many bytes are written at once.
const chunk = 64 << 10

// text writes gauges in Prometheus' text format, version 0.0.4. It holds one chunk. After a
// failed write it writes nothing more.
type text struct {
	to  io.Writer
	out []byte
	err error
	// labels holds the labels of the current object, except its state.
	labels []byte
	// headed is the family whose header was written last.
	headed string
}

func newText(to io.Writer) *text { return &text{to: to, out: make([]byte, 0, chunk+chunk/8)} }

// single writes a family with one series and no labels.
func (t *text) single(name, help string, value int64) {
	t.begin(name, help)
	t.out = append(append(t.out, name...), ' ')
	t.out = append(strconv.AppendInt(t.out, value, 10), '\n')
}

// begin begins the next object of a family. It writes the family's header before the first.
func (t *text) begin(name, help string) {
	t.labels = t.labels[:0]
	if t.headed == name {
		return
	}
	t.headed = name
	t.out = append(append(t.out, "# HELP "...), name...)
	t.out = append(append(t.out, ' '), help...)
	t.out = append(append(t.out, "\n# TYPE "...), name...)
	t.out = append(t.out, " gauge\n"...)
}

// label adds a label to those of the current object. Callers add them in alphabetical order,
// as Prometheus' own clients do.
func (t *text) label(name, value string) {
	t.labels = append(append(t.labels, name...), '=', '"')
	t.labels = append(appendEscaped(t.labels, value), '"', ',')
}

// series writes one series of the current object.
func (t *text) series(name, state string, value int) {
	t.out = append(append(t.out, name...), '{')
	t.out = append(append(t.out, t.labels...), "state=\""...)
	t.out = append(appendEscaped(t.out, state), "\"} "...)
	t.out = append(strconv.AppendInt(t.out, int64(value), 10), '\n')
	if len(t.out) >= chunk {
		_ = t.flush()
	}
}

// flush writes what is held, and returns the first error.
func (t *text) flush() error {
	if t.err == nil {
		_, t.err = t.to.Write(t.out)
	}
	t.out = t.out[:0]
	return t.err
}

var escaped = strings.NewReplacer("\\", "\\\\", "\"", "\\\"", "\n", "\\n")

func appendEscaped(b []byte, value string) []byte {
	if strings.ContainsAny(value, "\\\"\n") {
		value = escaped.Replace(value)
	}
	return append(b, value...)
}
