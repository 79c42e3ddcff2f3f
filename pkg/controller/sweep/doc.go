// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sweep removes from the log what rules nothing any more: reports and
// promotions of BundleDeployments that are gone, rollout records, pins and guards
// that nobody needs, and contents that nothing refers to.
//
// Most of that is removed by the writes that make it dead. What is left is what had
// no room there, or is older than this program. So a sweep is rare, at the start and
// every ten minutes, and slow on purpose: eighty records or fifty contents at a time,
// with a tenth of a second between. Nothing waits for it. A fleet that replaces three
// thousand Bundles has three thousand contents less half an hour later: up to ten
// minutes until they are found, fifteen of grace, and the next sweep.
//
// # Why it does no harm
//
// A record is removed only if it is still as it was when it was found dead, and if
// nothing was written meanwhile that could bring it back to life. If something was, it
// is looked at anew, some times: edits that go on all the time do not keep it. A content
// is removed only if no Bundle was written meanwhile: a write that is committed later
// finds it missing, and brings it along. It has been of no use for a while by then,
// without a break, since an agent may still fetch what was promoted to it a moment ago.
//
// A record that cannot be decoded may refer to what seems to be of no use: that of a
// newer version, after this one was put back. While there is one, nothing is swept.
//
// # Costs
//
// A sweep is O(records), in pieces that hold the engine up for a millisecond each.
package sweep
