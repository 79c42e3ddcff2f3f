// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fuzz sends random objects of all kinds that clients write to Muster and, as
// custom resources with the schemas of S 1, to a real kube-apiserver. Both servers accept
// an object or neither does, and both return it alike. differences_test.go lists the
// exceptions, each with a reason.
//
// Objects are valid, nearly valid, or far from it: null, empty, of a wrong type, with odd
// numbers, missing and unknown members, deep and large values. A finding is reduced before
// it is printed. MUSTER_FUZZ is the number of objects, MUSTER_SEED the seed that a finding
// prints.
package fuzz
