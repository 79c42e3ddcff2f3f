// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schema compares the JSON that a client wrote with the Go type that it is
// decoded into, and keeps the difference.
//
//	read.go      Unmarshal: compares the text with the type
//	shape.go     what a type and its tags allow, read once
//	form.go      the form, as text and as a tree of edits
//	refusals.go  the refusals that a form holds, as field errors
//
// The Go types drop what a custom resource keeps: false, 0, "", an empty list, an empty
// object, null. They cannot drop it any later, because deployment IDs are hashes of their
// JSON. So an object carries a [Form] beside its fields: a small text that says what its
// JSON leaves out or adds. [Unmarshal] makes it, [Marshal] puts it back. What derives
// something from an object never sees it. Metadata has no form, as with a custom
// resource, and neither has the status, which other writers own.
//
// The same comparison is the schema's check. Where a value is of another type than the
// field, is null in a list, or is missing though required, the field becomes empty, the
// form holds a refusal, and [Form.Refusals] names the field for the answer 422. A null in
// a field that has no null vanishes. The schemas of Fleet's CustomResourceDefinitions do
// the same. A tag holds what they say of a field beyond its Go type:
//
//	schema:"nullable"  null is a value of its own
//	schema:"required"  the field must be there
//	schema:"nonempty"  the empty text is outside the field's format
//
// Of types of other packages, the fields without omitempty are required, and no field is
// nullable. That is how Fleet's schemas were made.
//
// All functions are pure and take time linear in the size of the text.
package schema
