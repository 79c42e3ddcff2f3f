// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"

	"github.com/google/uuid"
)

// Kept is a report on a BundleDeployment as memory holds a million of them: its record,
// less what whoever has it knows anyway, which is half of a small one.
//
//	flags  1 byte
//	UID    16 bytes
//	brief  its length as a uvarint, and a part of the report that is kept too, if there is
//	place  uvarint, if an ID is left out
//	rest   the record as it is in etcd, after its form byte
//
// The digits of the deployment ID, which thousands of reports share, are left out of
// the values and put back in at their place; those of the UID come last of the values
// of every report, and are left out there.
//
// It is a string because it is as small as that, and nobody changes it.
type Kept string

const (
	keptText    = 1 << iota // the record is JSON: too long to be compact
	keptUID                 // the UID is left out of the values
	keptApplied             // and so is the ID
	keptBrief               // there is a brief
)

// fewestKept is how many bytes of an ID are worth a place.
const fewestKept = 8

// Keep decodes the record of a report on a BundleDeployment, and returns it in the form
// to keep. What is kept can be read. Brief is the part of a report that can be read alone,
// or nil if it is as well to read the whole.
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

// digitsOf are the digits of an ID as values have them.
func digitsOf(id string) []byte {
	_, values := pack([]byte(id))
	return values
}

// canonical is a UID of the usual form; else zero, which nothing has.
func canonical(uid string) uuid.UUID {
	if len(uid) != uuidLength || !isUUID([]byte(uid)) {
		return uuid.Nil
	}
	id, err := uuid.Parse(uid)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// UID is that of the BundleDeployment that was reported on; zero if it is no UUID.
func (k Kept) UID() uuid.UUID { return uuid.UUID([]byte(k[1:17])) }

// Report decodes what was kept, with the ID that was known when it was.
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

// rest is where what follows the brief begins, and from where the brief goes to there.
func (k Kept) rest() (brief, rest int) {
	const at = 1 + 16
	if k[0]&keptBrief == 0 {
		return at, at
	}
	n, used := binary.Uvarint([]byte(k[at:min(len(k), at+binary.MaxVarintLen64)]))
	return at + used, at + used + int(n)
}

// Brief decodes the brief, or the whole if there is none.
func (k Kept) Brief(applied string) (*Report, error) {
	from, to := k.rest()
	if from == to {
		return k.Report(applied)
	}
	return DecodeReport(BundleDeployments, []byte(k[from:to]))
}
