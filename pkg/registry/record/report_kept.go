// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"

	"github.com/google/uuid"
)

// Kept is a report on a BundleDeployment as memory holds a million of them: its record
// without the parts that the caller knows anyway, which are half of a small report.
//
//	flags  1 byte
//	UID    16 bytes
//	brief  its length as a uvarint, and a part of the report; only if it has a brief
//	place  uvarint; only if an ID is left out
//	rest   the record as in etcd, after its form byte
//
// Thousands of reports share the digits of a deployment ID. These are left out of the
// values, and Report inserts them again at their place. The digits of the UID are the last
// values of every report, and are left out too.
//
// Kept is a string because strings are small and immutable.
type Kept string

const (
	keptText    = 1 << iota // the record is JSON, because it is too long to be compact
	keptUID                 // the UID is left out of the values
	keptApplied             // the deployment ID is left out of the values
	keptBrief               // it has a brief
)

// fewestKept is the number of bytes from which leaving out an ID is worth a place.
const fewestKept = 8

// Keep decodes the record of a report on a BundleDeployment, and returns it as Kept too. A
// Kept that it returns always decodes. applied returns the deployment ID of a report. brief
// returns the part of a report to be read alone, or nil if reading all of it is as cheap.
func Keep(data []byte, applied func(*Report) string, brief func(*Report) *Report) (Kept, *Report, error) {
	r, err := DecodeReport(BundleDeployments, data)
	if err != nil {
		return "", nil, err
	}
	out := make([]byte, 1, 32+len(data))
	id := [16]byte(canonical(string(r.UID)))
	out = append(out, id[:]...)
	if part := brief(r); part != nil {
		text, err := part.text()
		if err != nil {
			return "", nil, err
		}
		record := compact(text)
		out[0] |= keptBrief
		out = append(binary.AppendUvarint(out, uint64(len(record))), record...)
	}
	if !isCompact(data) {
		if len(data) > maxText {
			out[0] |= keptText
			return Kept(append(out, data...)), r, nil
		}
		data = compact(data)
	}
	values, frame, err := split(data)
	if err != nil {
		return "", nil, err
	}
	if id != uuid.Nil && bytes.HasSuffix(values, id[:]) {
		out[0] |= keptUID
		values = values[:len(values)-len(id)]
	}
	digits := digitsOf(applied(r))
	at := -1
	if len(digits) >= fewestKept {
		at = bytes.Index(values, digits)
	}
	if at < 0 {
		out = binary.AppendUvarint(out, uint64(len(values)))
		out = append(out, values...)
	} else {
		out[0] |= keptApplied
		out = binary.AppendUvarint(out, uint64(at))
		out = binary.AppendUvarint(out, uint64(len(values)-len(digits)))
		out = append(append(out, values[:at]...), values[at+len(digits):]...)
	}
	return Kept(append(out, frame...)), r, nil
}

// digitsOf returns the digits of an ID in the form that values have.
func digitsOf(id string) []byte {
	_, values := pack([]byte(id))
	return values
}

// canonical returns a UID in the usual form, and zero for any other. No object has zero.
func canonical(uid string) uuid.UUID {
	if len(uid) != uuidLength || !isUUID([]byte(uid)) {
		return uuid.Nil
	}
	id, _ := uuid.Parse(uid) // it never fails after isUUID
	return id
}

// UID returns the UID of the BundleDeployment that was reported on, and zero if it is not a
// UUID.
func (k Kept) UID() uuid.UUID { return uuid.UUID([]byte(k[1:17])) }

// Report decodes the report. applied is the deployment ID that Keep got for it.
func (k Kept) Report(applied string) (*Report, error) {
	flags := k[0]
	_, at := k.rest()
	rest := []byte(k[at:])
	if flags&keptText != 0 {
		return decodeText(BundleDeployments, rest)
	}
	at = 0
	if flags&keptApplied != 0 {
		place, used := binary.Uvarint(rest)
		at, rest = int(place), rest[used:]
	}
	n, used := binary.Uvarint(rest)
	values, frame := rest[used:used+int(n)], rest[used+int(n):]
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	s.values = s.values[:0]
	if flags&keptApplied != 0 {
		s.values = append(append(s.values, values[:at]...), digitsOf(applied)...)
		values = values[at:]
	}
	s.values = append(s.values, values...)
	if flags&keptUID != 0 {
		id := k.UID()
		s.values = append(s.values, id[:]...)
	}
	return s.decode(BundleDeployments, s.values, frame)
}

// rest returns the offset of the brief, and that of the rest, where the brief ends.
func (k Kept) rest() (brief, rest int) {
	const at = 1 + 16
	if k[0]&keptBrief == 0 {
		return at, at
	}
	n, used := binary.Uvarint([]byte(k[at:min(len(k), at+binary.MaxVarintLen64)]))
	return at + used, at + used + int(n)
}

// Brief decodes the brief, or the whole report if it has no brief.
func (k Kept) Brief(applied string) (*Report, error) {
	from, to := k.rest()
	if from == to {
		return k.Report(applied)
	}
	return DecodeReport(BundleDeployments, []byte(k[from:to]))
}
