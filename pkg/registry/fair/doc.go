// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package fair shares out scarce resources, so that one client cannot take them from
// others. Priority and fairness does not count two of them: the processors while events and
// lists are built and encoded, and the memory of large lists.
//
//	turn.go    turns
//	pace.go    when heavy work stands back
//	budget.go  a share of turns, or of bytes, for each flow
//	client.go  a Client: what one request holds
//	limits.go  how much one user may hold, and all together
//
// A flow is a user. Flows take turns, the one that has used least first, and each has a
// share that is less than the whole. So a client's wait behind others depends on how many
// they are and not on how much they ask for.
//
//   - A turn is the right to compute. Few goroutines have one at a time, so few are
//     runnable, and a goroutine that needs no turn runs soon. The pulse, the engine, reads
//     by quorum, small requests and probes need none. A turn is not held while waiting for
//     a client or a commit, and it ends by itself.
//   - Heavy work also yields while small requests of others are in progress: it rests for
//     twice as long as it has worked. So a small request takes about as long as without
//     heavy work, and heavy work is slower only while small requests are in progress.
//   - A large list holds bytes from before it is built until its answer is sent.
//
// A Client holds a request's turns and bytes. A request without a Client in its context is
// not limited: it is the server's own.
package fair
