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
// it writes. A record without one was written before formats were counted, and reads
// like format 1.
//
// A change to a record takes a new format if a reader that ignores the change would
// serve something wrong. A version that brings one writes the format before until every
// replica knows the new one, or all replicas are stopped before it starts.
const Format = 1

// The forms of records that are no JSON. A form is the first byte of a record. JSON
// never begins with a control character other than white space, and a content record
// begins like every gzip file, so no form is mistaken for either. A change to a form, or
// to a dictionary, takes another form.
const (
	formCompact = 0x01 // a report
	formPacked  = 0x02 // JSON in compression, after its format
	formGzip    = 0x1f // a content
)

// ErrNewer is what every NewerError is.
var ErrNewer = errors.New("a newer version of Muster wrote a record that this version does not know how to read")

// NewerError says which record has a format that this version does not know. Such a
// record is never passed over: what rests on it would seem to be gone.
type NewerError struct {
	// Path is the record's key.
	Path string
	// What says which format the record has, and which this version knows.
	What string
}

// Error names the record.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%v: %s has %s", ErrNewer, e.Path, e.What)
}

// Unwrap makes it ErrNewer.
func (e *NewerError) Unwrap() error { return ErrNewer }

// formatMember begins every JSON record that has a format.
const formatMember = `{"v":`

// Stamp gives a JSON record its format. It returns any other record as it is: its form
// says what it is.
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
// does not know. It looks at no more than the first bytes. A record that is damaged
// passes, and fails to decode.
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
	const most = 19 // digits of a number that fits
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
