// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schema compares the JSON that a client wrote with the Go type that decodes it,
// and keeps the difference.
//
//	read.go      Unmarshal: compares the text with the type
//	shape.go     what a type and its tags allow, read once
//	form.go      the form, as text and as a tree of edits
//	refusals.go  the refusals that a form holds, as field errors
//
// The Go types drop what a custom resource keeps: false, 0, "", an empty list, an empty
// object, null. Their JSON cannot change to keep it, because deployment IDs are hashes of
// that JSON. So an object carries a [Form] next to its fields: a small text that records
// what the JSON of its fields leaves out or adds. [Unmarshal] makes the form, and [Marshal]
// applies it. Code that derives something from an object never sees the form. Metadata has
// no form, as in a custom resource, and neither has the status, which other writers own.
//
// The same comparison checks the schema. If a value has another type than the field, is
// null in a list, or is missing though required, then the field becomes empty and the form
// holds a refusal. [Form.Refusals] names the field for the answer 422. A null is dropped
// from a field that has no null. The schemas of Fleet's CustomResourceDefinitions do the
// same. A tag holds what they say about a field beyond its Go type:
//
//	schema:"nullable"  null is a value of its own
//	schema:"required"  the field must be there
//	schema:"nonempty"  the empty text is outside the field's format
//
// In types of other packages, the fields without omitempty are required, and no field is
// nullable. Fleet's schemas were made that way.
//
// All functions are pure and take time linear in the size of the text.
package schema
