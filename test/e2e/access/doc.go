// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access tests the rights of users and agents in a cluster: an agent has the
// rights of its grant and no other, no client can pass for another user, Muster has no
// rights that it does not need, and it neither starts nor answers where it cannot
// authenticate clients.
//
// The oracle for a refusal is the right that would lift it. Each case is asked three
// times: by the agent, which has to be refused; and by a user with only that one right,
// through the aggregation layer and straight at a replica, who has to succeed. So
// a path that is misspelled does not pass for a refusal. The oracle for forged
// identities is the user name in the refusal.
//
// Muster runs as in production but for its caches of answers, which are shorter, so
// that tests of them are. Tests that are not parallel are so because they add a
// replica whose way to kube-apiserver they cut: no other test's requests may reach it.
package access
