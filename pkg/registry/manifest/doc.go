// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest turns the resources of a Bundle into the bytes that agents
// download as a Content object, and names those bytes (S 4.1, S 4.4).
//
// Equal resources give equal bytes, and so an equal ID, the same as every Fleet component
// computes: the ID is compared with IDs from other programs. Decode returns what Encode was
// given, except that Encode replaces bytes that are not UTF-8, as Fleet does.
//
// Every function is pure, linear in the size of its arguments, and safe to call from
// anywhere. Decompress never allocates more than its caller allows.
package manifest
