// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest turns the resources of a Bundle into the bytes that agents
// download as a Content object, and names those bytes (S 4.1, S 4.4).
//
// It promises that equal resources give equal bytes, and so an equal ID, as
// every Fleet component computes them: an ID is compared with IDs that others
// made. Decode gives back what Encode was given, except that bytes which are no
// UTF-8 were replaced on the way in, as in Fleet.
//
// Everything is a pure function of its arguments, linear in their size, and safe
// to call from anywhere. Decompress never allocates more than its caller allows.
package manifest
