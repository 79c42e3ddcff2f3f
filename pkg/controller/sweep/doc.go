// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sweep removes unused records and contents from the log: reports and promotions of
// BundleDeployments that are gone, rollout records, pins and guards that decide nothing any
// more, and contents to which nothing refers.
//
// The writes that make a record unused remove most of them. A sweep removes the records for
// which such a write had no room, and those of earlier versions of this program. So a sweep is
// rare, at the start and every ten minutes, and slow on purpose: eighty records or fifty
// contents at a time, with a tenth of a second between. Nothing waits for it. When a fleet
// replaces three thousand Bundles, their contents are removed about half an hour later: after up
// to ten minutes until they are found, fifteen of grace, and the time until the next sweep.
//
// # Why it is safe
//
// A record is removed only if it has not changed since it was found unused, and if nothing was
// written meanwhile that could make it needed. If something was, the record is looked at again,
// several times, so that constant edits do not protect it. A content is removed only if no
// Bundle was written meanwhile: a later write finds it missing, and brings it along. Before
// that, nothing has referred to it for the time of grace, without interruption, since an agent
// may still fetch the content of a recent promotion.
//
// A record that cannot be decoded, such as one of a newer version after a downgrade, may refer
// to something that seems unused. While one exists, nothing is swept.
//
// # Costs
//
// A sweep is O(records), in pieces that block the engine for a millisecond each.
package sweep
