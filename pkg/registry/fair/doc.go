// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fair gives out what is scarce, so that one client cannot take it from others.
// Two things are scarce that priority and fairness does not count: the processors while
// events and lists are built and encoded, and the memory of large lists.
//
//	turn.go    turns
//	pace.go    when heavy work stands back
//	budget.go  a share of turns, or of bytes, for each flow
//	client.go  a Client, and the limits of a server
//
// A flow is a user. Flows are served in turns, the one that has used least first, and each
// has a share that is less than all. So what a client waits for behind others depends on
// how many others there are and not on how much they ask for.
//
//   - A turn is the right to compute. Only a few goroutines have one at a time, so few
//     are runnable, and a goroutine that needs no turn runs soon: the pulse, the engine,
//     reads by quorum, small requests and probes need none. Turns are not held while a
//     client or a commit is waited for, and end by themselves.
//   - Heavy work also stands back while small requests of others are under way: it rests
//     for twice as long as it has worked. So a small request takes about as long beside it as
//     alone, and nothing heavy is slower where nothing small is asked for.
//   - Bytes are held by a large list from before it is built until its answer is sent.
//
// A Client is what a request has of both. Without one in its context, a request is not
// limited: it is the server's own.
package fair
