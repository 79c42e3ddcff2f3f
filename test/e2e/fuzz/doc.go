// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fuzz sends random objects of all kinds that people write to Muster and, as
// custom resources with the schemas of S 1, to a real kube-apiserver. Each object is
// accepted by both or by neither, and is read back alike, but for the differences that
// are listed in differences_test.go with a reason each.
//
// Objects are valid, nearly valid, or far from it: null, empty, of a wrong type, with
// odd numbers, missing and unknown members, deep and large values. A finding is made
// smaller before it is printed. MUSTER_FUZZ is how many objects are sent, MUSTER_SEED the
// seed that a finding prints.
package fuzz
