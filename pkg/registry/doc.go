// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry explains the packages below it, and wires them. Read this page first:
// everything else refers to it. docs/design.md is the contract behind it, and docs/spec.md
// says what Fleet computes: S 2.1 is its section 2.1.
//
// # The pipeline
//
// Facts are stored; everything else is derived. All facts are in one etcd under one
// prefix. One ordered watch feeds one engine, and every reader reads an immutable view. The
// only way back is a guarded etcd transaction.
//
//	               one ordered watch
//	┌──────┐   whole revisions   ┌────────┐
//	│ etcd ├────────────────────►│ engine │  one goroutine: load, follow, publish
//	└──▲───┘    record decodes   └───┬────┘
//	   │                             │ apply a revision, plan a write
//	   │                         ┌───▼────┐  index: what can an edit affect?
//	   │                         │ state  │◄─targeting: does this entry match?
//	   │                         └───┬────┘  derive: what does it mean there?
//	   │                             │       rollout: what is held back?
//	   │                         ┌───▼────┐
//	   │                         │ ledger │◄─summary: what does a status say?
//	   │                         └───┬────┘
//	   │                             │ atomic swap, then wake
//	   │                         ┌───▼────┐  ordered tables at a revision, and the
//	   │                         │  view  │  changes of the last revisions
//	   │                         └───┬────┘
//	   │ guarded transaction     ┌───▼─────┐
//	   └─────────────────────────┤ storage │  get, list, watch, write
//	                             └───┬─────┘
//	                             ┌───▼────┐
//	                             │ server │  REST endpoints, HTTP
//	                             └────────┘
//
// A package imports only packages above it in this list (imports_test.go):
//
//	manifest   a Bundle's resources as bytes, and the ID that they get
//	record     the records in etcd: keys and encodings
//	etcd       the log: load at a revision, watch, guarded write, quorum revision
//	index      which selectors a label edit can affect; which items match a selector
//	targeting  one Bundle version against one Cluster: S 2.1 to 2.4, pure
//	names      the names that Fleet gives to objects: S 4.8, pure
//	rules      what restrictions and Policies of a namespace allow: S 2.6, pure
//	reports    an agent's report: its state, digest and explanation: S 7.1, pure
//	summary    statuses as sums over BundleDeployments: S 7, pure
//	derive     options, IDs, the BundleDeployment itself; templates in derive/sandbox: pure
//	rollout    which BundleDeployments get a new version next: S 6, pure
//	view       the immutable tables at a revision, and the changes that led to them
//	ledger     which statuses a change affects, and how their sums change
//	state      all that follows from the records at one revision; what a write records
//	freshness  whether this replica is up to date: the pulse, quorum reads, wake-ups
//	audit      a view compared with what its records mean
//	engine     the one goroutine that follows the log and publishes views
//	fair       turns to compute, and memory for lists, shared between users
//	storage    storage.Interface over views: reads, watches, guarded writes
//	kinds      what differs from kind to kind: strategy, validation, columns
//	endpoints  kinds and storage joined to REST endpoints
//	server     scheme, API group installation, the HTTP server, the readiness gate; JSON
//	           and Protobuf in server/encoding
//	metrics    what engine and storage count, for Prometheus; the metrics of Fleet's own
//	           controller in metrics/fleetmetrics
//
// # Vocabulary
//
// Stored:
//
//	fact        something that clients, agents or controllers wrote, and nothing derives
//	record      one fact as a key and a value in etcd
//	log         the records in etcd and their history (package etcd)
//	revision    an etcd revision: the only notion of time
//	object      a stored Kubernetes object without its derived part
//	report      the status that an agent or a controller wrote for an object
//	pin         a record of the last version of a Bundle, or content of a pair, that worked
//	promotion   a record of what the roll-out lets one BundleDeployment show
//	base        the version that was fully promoted before the one that is held back
//	holder      a record of the pair that has a name which several claim
//	mirror      a record of an outside fact: a Namespace's labels, a Secret's values
//	copies      the Secrets and ConfigMaps that an agent finds beside its BundleDeployments
//	manifest    a Bundle's resources, stored once for each ID: the data of a Content
//	guard       a record that exists only for its revision, which transactions compare
//
// Derived:
//
//	state       all that follows from the records at one revision, and can change
//	view        the published part of the state: immutable
//	version     a Bundle's spec at one generation, compiled
//	in force    said of the version that gives a Bundle its BundleDeployments
//	pair        one version of a Bundle on one Cluster that it targets
//	match       how a version targets a Cluster: the entry, and what it customizes
//	content     what a pair deploys: its options after templates, and the deployment ID
//	face        what shows of a Bundle or a Cluster in its BundleDeployments
//	claim       a pair's wish for the name of a BundleDeployment
//	barred      said of Bundles and Clusters that can have no valid BundleDeployment
//	held        said of a pair that may not show what is computed, by a limit or a pause
//	staged, promoted, computed
//	            the content that is shown as next, that is deployed, that is derived
//	roll-up     a status as sums over BundleDeployments (S 7)
//	member      what a roll-up sums: a pair, a BundleDeployment or a Cluster
//	source      the GitRepo or HelmOp that a Bundle comes from, by its labels
//	digest      what roll-ups read of a report, in a few bytes
//	change      the state of one object before and after a revision
//	place       of a change, in the order of one revision's changes
//	item        an object or a BundleDeployment in a view's table
//
// Done:
//
//	apply       bring the state to the next revision
//	derive      compute from facts; the same facts give the same result everywhere
//	render      build the API object of an item
//	plan        find what a write has to record beside its object, and its guards
//	settle      decide which BundleDeployment a pair has, after a revision changed it
//	accept      let a version that was pinned come into force
//	sweep       delete records that decide nothing: unused ones
//	barrier     read etcd's revision by quorum, and wait until the view reaches it
//	pulse       a barrier that no request asked for, each second
//	ready       said of a replica whose view held all that was committed seconds ago
//	turn        a share of the processor, given to users one after the other
//
// # Resource versions: the contract
//
//  1. A resourceVersion names a place in the log: a revision of etcd, and a place among its
//     changes of one resource, in the order of delivery. It is one number,
//     revision << 20 | place (view.Version). Places count from the end: the last change of
//     a revision has the last place, 2^20 - 1. So a list, a bookmark and the end of initial
//     events carry the last place: they mean the state after all of a revision. If a
//     revision changed only one object, the object carries the same number as the list.
//  2. A watch from a resourceVersion delivers what comes after that place, on every
//     replica, and within a revision too. It repeats nothing and skips nothing. Where a
//     revision changes more than 2^20 objects of a resource, the first ones share place 0,
//     and only these may be repeated. An event carries the same resourceVersion on every
//     replica. An object that has not changed since the state was loaded carries the last
//     place of the loaded revision. The changes of every published revision are known: a
//     start replays revisions, and makes a new one where there is nothing to replay. A
//     watch from within a revision that is gone gets 410.
//  3. The same key and the same resourceVersion mean the same content, on every replica,
//     for ever. On one replica nothing goes backwards.
//  4. resourceVersion="" is linearizable: the read asks etcd for its revision by
//     quorum and waits for the view to reach it.
//  5. A write conflicts (409) if and only if the record that it would overwrite
//     changed since the resourceVersion that it names. A changed label does not refuse a
//     report, nor a report an edit of a spec.
//  6. One transaction may change many BundleDeployments. Their changes share the
//     revision, are delivered together and are ordered by key. No server keeps the state
//     within a revision: a list at exactly such a place gets 410.
//  7. Numbers stay below 2^53 up to revision 2^33. So they are exact in clients that use
//     floating-point numbers. At revisions of 2^43 and more no server becomes ready.
//
// # Delivery: the contract
//
// A watcher is a cursor on the shared log of revisions, and it pulls. A slow one lags, and
// at worst gets 410 Expired when the log has passed it. It never slows another one, and
// keeps no more in memory than the log does. The cursor of a watch without events
// follows the log. A bookmark is sent only between revisions. There is no MODIFIED without
// a change of content, and no change of what an edit does not affect.
//
// Events and large lists are built and sent in turns (package fair). Few goroutines compute
// at a time, however many watches an edit wakes, and users take turns. The pulse, the
// engine, writes and small reads wait for no turn.
//
// # What was written is what is read
//
// The JSON of an object's Go type leaves out values that a client may have written: false,
// 0, "", an empty list, null. Everything derived depends on that, deployment IDs above all.
// So an object carries how it was written beside its fields (pkg/apis/fleet/schema). The
// record keeps it, and every answer, event, patch and apply shows it. No stage of the
// pipeline between etcd and view looks at it. A write that changes only that is a change
// like any other, but makes no new version of a Bundle. Statuses and metadata are not kept
// in the form in which they were written.
//
// # Absence is a decision
//
// An agent that gets 404 or an empty list uninstalls. A server that is not sure answers
// 429, 503 or 504. A broken Bundle, template, selector or record never makes another object
// disappear. A record that can no longer be decoded keeps its last meaning; where that is
// not known, what depends on it is 503. An object with an undecodable record or unreadable
// content is deleted only by a request for exactly that, which needs a right of its own.
// Such a request never deletes an object that can be read.
//
// A replica is sure while a member of etcd has answered within the last seconds, and a
// quorum read too, by the same history, and the view follows. Otherwise it closes the whole
// API group, also to readers that would accept any state: a reader that has seen more on
// another replica must not go back in time. It answers 503 and asks the client for a new
// connection, which a Service sends to another replica. Requests that wait for etcd get 429
// to the same end, unless they may have written something. It ends its watches, which resume
// there. Discovery of the version fails, so that the APIService is available only while some
// replica is sure.
//
// # Failure, and the facts that it leaves: pins
//
// The view is a pure function of the facts at its revision. So a write records, in the same
// transaction, what must survive it and could not be derived after it:
//
//   - If a Bundle's new spec fails for any Cluster in scope (a bad selector, a template
//     that does not render, a Policy), the write records the last version that worked, or
//     that none did. While that pin stands and the newest version still fails, the pinned
//     version is in force for all Clusters.
//   - A later write that makes the newest version work removes the pin. From then on the
//     newest version is accepted for good.
//   - A write that breaks an accepted version for one Cluster (new labels, annotations,
//     template values, groups) records the last good options of that BundleDeployment, and
//     touches no other. A pair that never worked has no options to keep, and no
//     BundleDeployment.
//   - A version whose values Secret is not mirrored yet (S 4.5) cannot be derived. It is
//     pinned like one that fails, and the write of the mirror accepts it.
//
// Nothing is kept of a Bundle or a Cluster that is being deleted. Its BundleDeployments end
// with the write that sets metadata.deletionTimestamp, and with them their pins, promotions
// and reports, so that a finalizer can wait for the uninstall.
//
// Pins use Fleet's texts in the Bundle's Ready condition. The evaluation is guarded: if a
// fact that it looked at has changed, the transaction fails and the write is planned anew.
//
// # Names that several claim, and the facts that they leave: holders
//
// Two Bundles of one name, in two namespaces, may claim one BundleDeployment. The one that
// has it keeps it. A write that lets an older Bundle claim it too records the holder,
// because creation times come from clocks and have whole seconds. Where nothing is recorded,
// the older Bundle has it, then the first by name. The other's Ready condition says so.
//
// # Copies, and the facts that say whose they are
//
// An agent looks up Secrets and ConfigMaps by name, in a namespace that holds the copies of
// several tenants (S 4.7). So spec.waitingForValues of a BundleDeployment makes the agent
// wait until the record of its copies says that each of them is from a source of this
// Bundle. The record also says what is in the way, and the Bundle's Ready condition shows
// it.
//
// # Roll-outs, and the facts that they leave: promotions
//
// Where a strategy cannot hold anything back and nothing is paused, what is staged and
// promoted is derived, and nothing is written. Everywhere else:
//
//   - A write of a version that may be held back records the last fully promoted version:
//     the base. All BundleDeployments keep showing what the base means, at once and on
//     every replica, until the controller lets more through.
//   - The controller writes down what each BundleDeployment shows and drops the base. It
//     then promotes by one small record each (S 6.4), under a guard that fails if a report
//     has used up a limit meanwhile.
//   - A write that would change what a held BundleDeployment shows, by new labels, rules or
//     a pause, records what was shown. A write that holds something back again deletes the
//     records that decide nothing any more; otherwise the controller sweeps them.
//
// Template functions that are random or read the clock (randAlphaNum, now, ...) take their
// randomness from a seed, and the time from a timestamp. The Bundle's record got both with
// its spec. So they give the same answer on every replica and after every restart, and a
// new one with the next spec.
package registry
