// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Format is the newest format of JSON records that this version knows, and the one that
// it writes. A record without a format was written before formats were counted, and is
// read as format 1.
//
// A change to a record needs a new format if a reader that ignores the change would
// serve something wrong. A version that introduces a format writes the previous one until
// every replica knows the new one, or all replicas are stopped before it starts.
const Format = 1

// The forms of records that are not JSON. A form is the first byte of a record. JSON
// never begins with a control character other than white space, and a content record
// begins like every gzip file, so no form is mistaken for either. A change to a form, or
// to a dictionary, needs a new form.
const (
	formCompact = 0x01 // a report
	formPacked  = 0x02 // compressed JSON, after its format
	formGzip    = 0x1f // a content
)

// ErrNewer is wrapped by every NewerError.
var ErrNewer = errors.New("a newer version of Muster wrote a record that this version does not know how to read")

// NewerError names a record with a format that this version does not know. A reader never
// passes over such a record: what depends on it would seem to be gone.
type NewerError struct {
	Path string
	// What names the format that the record has, and the ones that this version knows.
	What string
}

// Error returns a text that names the record and its format.
func (e *NewerError) Error() string { return fmt.Sprintf("%v: %s has %s", ErrNewer, e.Path, e.What) }

// Unwrap returns ErrNewer.
func (e *NewerError) Unwrap() error { return ErrNewer }

// formatMember begins every JSON record that has a format.
const formatMember = `{"v":`

// Stamp returns a JSON record with its format. It returns any other record unchanged,
// because the form of such a record identifies it.
func Stamp(data []byte) []byte {
	if len(data) < 2 || data[0] != '{' || bytes.HasPrefix(data, []byte(formatMember)) {
		return data
	}
	out := make([]byte, 0, len(data)+len(formatMember)+3)
	out = strconv.AppendInt(append(out, formatMember...), Format, 10)
	if data[1] != '}' {
		out = append(out, ',')
	}
	return append(out, data[1:]...)
}

// CheckFormat returns a NewerError if a record has a format, or a form, that this version
// does not know. It reads only the first bytes. A damaged record passes here, and fails to
// decode.
func CheckFormat(path string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	switch form := data[0]; form {
	case '{':
		return checkJSON(path, data)
	case formPacked:
		if len(data) > 1 && data[1] > Format {
			return newerFormat(path, int64(data[1]))
		}
	case 0, '\t', '\n', '\r', formCompact, formGzip:
	default:
		if form < ' ' {
			return &NewerError{path, fmt.Sprintf("form %d, and this version knows forms up to %d", form, formPacked)}
		}
	}
	return nil
}

func checkJSON(path string, data []byte) error {
	rest, is := bytes.CutPrefix(data, []byte(formatMember))
	if !is {
		return nil
	}
	const most = 19 // digits of an int64
	end := bytes.IndexAny(rest[:min(len(rest), most+1)], ",}")
	if end < 0 {
		return nil
	}
	format, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	if err != nil || format <= Format {
		return nil
	}
	return newerFormat(path, format)
}

func newerFormat(path string, format int64) error {
	return &NewerError{path, fmt.Sprintf("format %d, and this version knows formats up to %d", format, Format)}
}
