// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access tests the rights of users and agents in a cluster: an agent has the rights
// of its grant and no others, no client can pass for another user, Muster has no rights
// that it does not need, and it neither starts nor answers where it cannot authenticate
// clients.
//
// The oracle for a refusal is the right that would lift it. Each case is sent three times:
// by the agent, which has to be refused; and by a user who has only that right, through the
// aggregation layer and directly to a replica, both of which have to succeed. So a
// misspelled path does not pass for a refusal. The oracle for forged identities is the user
// name in the refusal.
//
// Muster runs as in production, except that its caches of answers expire sooner, which
// keeps their tests short. Tests that cut the connection of an added replica to
// kube-apiserver are not parallel: no request of another test may reach that replica.
package access
