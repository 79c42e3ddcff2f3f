// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry explains the engine that lives in the packages below it.
// Read this page first: everything else refers to it. docs/design.md is the contract
// behind it, and docs/spec.md says what Fleet computes: S 2.1 is its section 2.1.
//
// # The pipeline
//
// Facts are stored, everything else is derived. All facts live in one etcd
// under one prefix; one ordered watch feeds one engine; whoever reads, reads an
// immutable view. The only arrow back is a guarded etcd transaction.
//
//	              one ordered watch
//	┌──────┐  whole revisions  ┌────────┐ candidates ┌───────┐
//	│ etcd ├──────────────────►│ engine │◄──────────►│ index │
//	└──▲───┘   record decodes  │ 1 gor. │            └───────┘
//	   │                       │        │ match      ┌───────────┐
//	   │                       │        │◄───────────┤ targeting │
//	   │                       │        │ content    ├───────────┤
//	   │                       │        │◄───────────┤  derive   │
//	   │                       └───┬────┘            └───────────┘
//	   │                           │ atomic swap, then wake
//	   │                      ┌────▼────┐
//	   │                      │  view   │  Rev, ordered tables, changes of
//	   │                      └────┬────┘  the last revisions
//	   │ guarded transaction  ┌────▼────┐
//	   └──────────────────────┤ storage │  get, list, watch, write
//	                          └────┬────┘
//	                          ┌────▼────┐
//	                          │ server  │  REST endpoints, HTTP
//	                          └─────────┘
//
// A package imports only what is upstream of it (imports_test.go):
//
//	manifest   a Bundle's resources as bytes, and the ID that they get
//	record     what is in etcd: keys and encodings
//	etcd       the log: load at a revision, watch, guarded write, quorum revision
//	index      which selectors can a label edit affect; which items match one
//	targeting  one Bundle version against one Cluster: S 2.1 to 2.4, pure
//	names      the names that Fleet gives to objects: S 4.8, pure
//	rules      what restrictions and Policies of a namespace allow: S 2.6, pure
//	derive     options, templates, IDs, the BundleDeployment itself: pure
//	rollout    which BundleDeployments get a new version next: S 6, pure
//	summary    statuses as sums over BundleDeployments: S 7, pure
//	view       the immutable state at a revision, and the changes that led to it
//	ledger     which statuses a change affects, and how their sums change
//	state      all that follows from the records at one revision; what a write records
//	freshness  whether this replica is up to date: the pulse, quorum reads, wake-ups
//	audit      a view compared with what its records mean
//	engine     the one goroutine that follows the log and publishes views
//	fair       turns to compute, and memory for lists, given out between users
//	storage    storage.Interface over views: reads, watches, guarded writes
//	kinds      what differs from kind to kind: strategy, validation, columns
//	endpoints  kinds and storage joined to REST endpoints
//	server     scheme, API group installation, the HTTP server, the readiness gate
//	metrics    what engine and storage count, for Prometheus
//
// # Vocabulary
//
// A Revision is an etcd revision, the only notion of time. A Record is a stored
// fact. The State is what the engine's goroutine mutates. A View is what it
// publishes. A Change is a pair (previous item, next item) of one key at one
// revision. A Match says that a Bundle version targets a Cluster, and how. A
// Pair is one Bundle version in force on one Cluster: a BundleDeployment that
// need not be rendered yet. To Render is to build the API object.
//
// # Resource versions: the contract
//
//  1. A resourceVersion names a place in the log: a revision of etcd, and a place among
//     its changes of one resource, in the order of delivery. It is one number,
//     revision << 20 | place (view.Version). Places count from the end: the last change
//     of a revision has the last place, 2^20 - 1. So a list, a bookmark and the end of
//     initial events, which mean the state after all of a revision, carry the last place,
//     and an object that a revision changed alone carries the same number as the list.
//  2. A watch from a resourceVersion is told what comes after that place: nothing twice
//     and nothing skipped, also within a revision, on every replica. Where a revision
//     changes more than 2^20 objects of a resource, the first ones share place 0, and only
//     these may be repeated. An event carries the same resourceVersion on every replica.
//     An object that was not changed since the state was loaded carries the last place of
//     the revision that was loaded. What a revision changed is known of every revision that
//     is published: a start replays, and where there is nothing to replay it makes a new
//     revision. A watch from within one that is gone is told to list again.
//  3. Same key and same resourceVersion mean same content, on every replica,
//     for ever. On one replica nothing goes backwards.
//  4. resourceVersion="" is linearizable: the read asks etcd for its revision by
//     quorum and waits for the view to reach it.
//  5. A write conflicts (409) if and only if the record that it would overwrite
//     changed since the resourceVersion that it names. A report is not refused
//     because a label changed, nor a spec edit because an agent reported.
//  6. One transaction may change many BundleDeployments. Their changes share the
//     revision, are delivered together and ordered by key. The state within a revision is
//     kept nowhere: a list at exactly such a place is 410.
//  7. Numbers stay below 2^53, exact in clients that take them for floating-point
//     numbers, up to revision 2^33. At revisions of 2^43 and more no server gets ready.
//
// # Delivery: the contract
//
// A watcher is a cursor on the shared log of revisions; it pulls. A slow one
// lags and at worst gets 410 Expired when the log has passed it; it never slows
// another, and keeps no more alive than the log does. One to which nothing happens
// keeps its place. A bookmark is sent only between revisions. There is no MODIFIED
// without a change of content, and no change for what an edit does not affect.
//
// Events and large lists are built and sent in turns (package fair): few goroutines
// compute at a time, however many watches an edit wakes, and users take turns. The pulse,
// the engine, writes and small reads wait for no turn.
//
// # What was written is what is read
//
// The JSON of an object's Go type leaves out what a client may have written: false, 0, "",
// an empty list, null. Whatever is derived depends on that, deployment IDs above all. So
// an object carries how it was written beside its fields (pkg/apis/fleet/schema). The
// record keeps it, every answer, event, patch and apply shows it, and no stage of the
// pipeline between etcd and view looks at it. A write that changes only that is a change
// like any other; it makes no new version of a Bundle. Statuses and metadata have none.
//
// # Absence is a decision
//
// An agent that gets 404 or an empty list uninstalls. A server that is not sure
// answers 429, 503 or 504. A broken Bundle, template, selector or record never
// makes another object disappear. A record that can no longer be decoded goes on
// saying what it said; where nobody knows what that was, what rests on it is 503.
// Only a client that asks for it, with a right of its own, deletes an object whose
// record cannot be decoded, or whose content cannot be read; never one that can be.
//
// A replica knows whether it is sure: it is while etcd has answered a quorum read
// within the last seconds, by the same history, and the view follows. Else it
// closes the group as a whole, also to readers that would take any state: one that
// has seen more on another replica must not be set back in time. It answers 503
// with the wish to be asked over a new connection, which a Service sends to another
// replica; it ends its watches, which resume there; and discovery of the version
// fails, so that the APIService is available only while somebody is sure.
//
// # Failure, and the facts that it leaves: pins
//
// The view is a pure function of the facts at its revision, so what must survive
// a write and could not be derived after it is recorded by that write, in the
// same transaction:
//
//   - A write of a Bundle's spec that fails for any Cluster in scope (a bad
//     selector, a template that does not render, a Policy) records the last
//     version that worked, or that there was none. While that pin stands and
//     the newest version still fails, the pinned version is in force for all.
//   - Any later write that makes the newest version work removes the pin; from
//     then on the newest version is accepted for good.
//   - A write that breaks an accepted version for one Cluster (new labels,
//     annotations, template values, groups) records the last good options of
//     that BundleDeployment; no other is touched. A pair that never worked has
//     no options to keep and is not there.
//   - A version whose values Secret is not mirrored yet (S 4.5) cannot be derived,
//     and is pinned like one that fails; the write of the mirror accepts it.
//
// Nothing is kept of a Bundle or a Cluster that is being deleted: its
// BundleDeployments end with the write that sets metadata.deletionTimestamp, with
// their pins, promotions and reports, so that a finalizer can wait for the uninstall.
//
// Pins use Fleet's texts in the Bundle's Ready condition. The evaluation is
// guarded: the transaction fails, and is planned anew, if a fact that it looked
// at has changed.
//
// # Names that several claim, and the facts that they leave: holders
//
// Two Bundles of one name, in two namespaces, may claim one BundleDeployment. The one
// that has it keeps it: the write that lets an older one claim it too records the
// holder, since creation times come from clocks and have whole seconds. Where nothing
// is recorded, the older has it, then the first by name. The other's Ready condition
// says so.
//
// # Copies, and the facts that say whose they are
//
// An agent looks up Secrets and ConfigMaps by name, in a namespace where the copies of
// several tenants meet (S 4.7). So spec.waitingForValues of a BundleDeployment tells the
// agent to wait until the record of its copies says that each is one of this Bundle's
// source. What is in the way is in that record, too; the Ready condition of the Bundle
// tells it.
//
// # Roll-outs, and the facts that they leave: promotions
//
// Where a strategy cannot hold anything back and nothing is paused, what is staged
// and promoted is derived, and nothing is written. Everywhere else:
//
//   - The write that brings a version which may be held back records the last one
//     that was fully promoted: the base. Everything goes on showing what that means,
//     at once and on every replica, until the controller lets more through.
//   - The controller writes down what each BundleDeployment shows, drops the base,
//     and then promotes by one small record each (S 6.4), under a guard that fails
//     if a report has used up a limit meanwhile.
//   - A write that would change what a held BundleDeployment shows, by new labels,
//     rules, or a pause, records what was shown. Records that rule nothing any more go
//     with the write that makes something be held again; else the controller sweeps.
//
// Template functions that are random or read the clock (randAlphaNum, now, ...)
// take their randomness from a seed, and the time from a timestamp, that the
// Bundle's record got with its spec. So they give the same answer on every
// replica and after every restart, and a new one with the next spec.
package registry
