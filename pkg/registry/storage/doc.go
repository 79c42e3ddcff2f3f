// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package storage serves k8s.io/apiserver's storage.Interface from views. A Store reads and
// watches one resource, derived or stored. Its writer, if it has one, writes objects or
// reports.
//
//	store.go          Store; keys, waits, and the view that a read is served from
//	get.go            reads of one object
//	list.go           lists: scope, selectors, pages
//	remaining.go      how many objects follow a page
//	render.go         API objects from items, with the contents of Bundles
//	render_list.go    the items of a list
//	contents.go       a cache of Bundles' resources
//	weigh.go          the memory that a list takes, and the wait for it
//	watch.go          watches: initial events, then changes
//	watch_send.go     events and bookmarks, sent to the reader
//	event.go          an event's object, encoded once for all watchers
//	write.go          create, update and delete
//	attempt.go        when an update conflicts
//	writer.go         the interface of writers, and a write
//	writer_object.go  the writer of object records
//	writer_report.go  the writer of report records
//	limit.go          reports that count against a roll-out's limit
//	allowance.go      how much an agent may report
//	unreadable.go     deletion of objects whose record cannot be read
//	errors.go         errors as API errors
//	stats.go          number and size of objects
//	activity.go       counters of what stores do
//
// Reads follow the contract in pkg/registry. The cost of a list is the number of items that
// it visits. These are a Bundle's BundleDeployments if the label selector names the Bundle, a
// Cluster's if it names the Cluster, otherwise a namespace or the whole resource. A watcher
// costs a goroutine and a cursor; an event is rendered and encoded once for all watchers.
// Events and large lists are built in turns (package fair). A large list waits for its
// memory. It gets 429 if the wait takes too long, and 413 if it can never fit in the
// requested form.
//
// A write guards the records that it depends on, and answers when the view holds it. So
// clients read their own writes. A write of an object starts from a view that holds
// everything committed before it, so no conflict is computed from stale data. A report
// starts from the current view, and its guards alone decide. If the current view refuses a
// report or shows nothing to change, the report is checked again against a view that holds
// everything committed before. Reports that wait for each other are committed together.
//
// Stores are safe for concurrent use. They hold only two caches: manifests by ID, which is a
// hash of them, and how many objects follow the most recent pages, so that a list does not
// count them for each page.
package storage
