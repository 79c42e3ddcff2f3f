// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package access tests who may do what with Muster in a cluster: an agent has the
// rights of its grant and no other, nobody can pass for somebody else, Muster has no
// rights that it does not need, and it does not start, nor answer, where it cannot
// tell who is asking.
//
// The oracle for a refusal is the right that would lift it. Each case is asked three
// times: by the agent, who has to be refused; and by somebody who has only that one
// right, through the aggregation layer and straight at a replica, who must not be. So
// a path that is misspelled does not pass for a refusal. The oracle for forged
// identities is the name in the refusal: it is that of whom Muster takes the asker for.
//
// Muster runs as in production but for its caches of answers, which are shorter, so
// that tests of them are. Tests that are not parallel are so because they add a
// replica whose way to kube-apiserver they cut: no other test's requests may reach it.
package access
