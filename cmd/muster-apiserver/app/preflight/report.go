// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// report writes one line for each finding. A line begins with "ok:", "warning:" or
// "not ok:". The last two end with what to do.
type report struct {
	out    io.Writer
	faults int
}

func (r *report) line(mark, format string, args ...any) {
	// An error of another program may have several lines.
	text := strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
	fmt.Fprintf(r.out, "%s: %s\n", mark, text)
}

// ok reports what Muster needs and finds.
func (r *report) ok(format string, args ...any) { r.line("ok", format, args...) }

// warn reports what Muster can start with.
func (r *report) warn(format string, args ...any) { r.line("warning", format, args...) }

// fault reports what Muster cannot run with.
func (r *report) fault(format string, args ...any) {
	r.faults++
	r.line("not ok", format, args...)
}

// err returns an error if a fault was reported.
func (r *report) err() error {
	switch r.faults {
	case 0:
		return nil
	case 1:
		return errors.New(`preflight found a fault: see the line that begins with "not ok:"`)
	}
	return fmt.Errorf(`preflight found %d faults: see the lines that begin with "not ok:"`, r.faults)
}
