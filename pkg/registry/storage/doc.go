// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package storage serves k8s.io/apiserver's storage.Interface from views. One
// generic Store reads and watches any resource, derived or stored; a writer
// that it has writes objects or reports.
//
// Reads follow the contract in pkg/registry. A list costs what it visits: a
// namespace, a Bundle's BundleDeployments when the label selector names the
// Bundle, a Cluster's when it names the Cluster, or else the whole resource. A
// watcher costs a goroutine and a cursor; an event is rendered and serialised
// once, however many watch. Events and large lists are built in turns (package fair). A
// large list waits for the memory that it takes; it is answered 429 if that takes too
// long, and 413 if it can never fit in the form that is asked for.
//
// A write starts from a view that holds everything committed before it, guards
// the records that it depends on, and answers when the view holds it. So a
// conflict is never computed from stale data, and whoever wrote reads their
// write. A report starts from the present view, and the guards alone decide; what
// would be refused or changes nothing is looked at again from a view of the first
// kind. Reports that wait for each other are committed together.
//
// Stores are safe for concurrent use, and hold nothing but a cache of manifests,
// which are addressed by what they hold, and how many objects follow the pages that
// were sent last, so that a list does not count them for each page.
package storage
