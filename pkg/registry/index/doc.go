// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package index answers two questions about label selectors without asking each selector:
// which selectors an edit of a label set affects, and which label sets a selector matches.
//
//	selector.go     Selector, compiled from a LabelSelector
//	requirement.go  one requirement
//	selectors.go    Selectors: where each selector is filed
//	posting.go      what is filed under a label
//	query.go        Matching and Affected
//	items.go        Items: label sets under their labels
//	scan.go         the cheapest scan for Select
//
// # What it holds
//
// A [Selector] is a compiled, normalised conjunction of requirements. [Selectors] holds
// selectors under ids, and [Items] holds label sets under ids. Neither knows what the ids
// stand for.
//
// # How selectors are filed
//
// A selector cannot match a label set that misses one of its positive requirements (In,
// Exists). So each selector is filed under one positive requirement: the one with the
// fewest selectors filed under it. A label set visits only what is filed under its own
// labels. With
//
//	1: env=prod, tenant=a      2: env=prod, tenant=b
//	3: env in (dev,test)       4: env notin (dev)
//	5: (everything)            6: tenant, env=prod
//
// the postings are, with | between the three sections described below:
//
//	env=prod       1   |     | 2 6      tenant=a   |   | 1
//	env=dev        3   | 4   |          tenant=b   2   |   |
//	env=test       3   |     |          tenant     6   |   |
//	loose          4 5
//
// The first section holds what is filed there. The third holds what merely mentions the
// label: an edit can change the answer of a selector only if the selector mentions a label
// that the edit adds, removes or changes. Selectors without a positive requirement are
// loose and filed nowhere. An edit finds them in the second section of the labels that they
// mention, and a full match visits all of them. The empty selector mentions nothing, so no
// edit ever visits it.
//
// In the example, changing env from prod to test on {env=prod, tenant=b} could visit
// everything that mentions env=prod or env=test (1, 2, 6, 3), or everything filed under the
// labels before and after (1, 3, 2, 6). The cheaper way is taken. If 100,000 selectors ask
// for env=prod and one tenant each, it is the second: it visits the selectors of one
// tenant.
//
// # Promises
//
// [Selectors.Affected] yields exactly the ids whose answer differs, each once.
// [Selectors.Matching] and [Items.Select] yield exactly the ids that match, each once. The
// order is unspecified. A nil label map is the empty label set.
//
// # Costs
//
// With L labels in a set, R mentions (values, or presence) in a selector and V visits of
// entries:
//
//	Selectors.Add, Remove   O(R), amortised; identical selectors share a filing
//	Selectors.Affected      O(L + V): V is that of the cheaper way above
//	Selectors.Matching      O(L + V): what is filed under the labels, and the loose
//	Items.Set               O(L), and O(changed labels) writes
//	Items.Select            O(V): the smallest posting set that must hold the answer
//
// Memory at a million, apart from the selectors and labels themselves and with small ids:
// about 300 bytes for a distinct selector of one or two requirements, about 30 for an id
// that shares one, and about 50 for each label of an item.
//
// # Concurrency
//
// One goroutine mutates. Reads keep no state, so they may overlap and nest. But neither a
// read nor the consumption of a returned sequence may overlap a mutation. The index keeps
// the label maps that it is given, so they must not be modified.
package index
