// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deploy tests the whole way: somebody labels a Cluster, an agent with
// nothing but an agent's rights deploys into a cluster with Helm, and everybody sees
// in tables what became of it.
//
// The agent is muster-agent, a process of its own that is killed at will. It deploys
// into the control plane that Muster serves; the tests look there for the objects,
// with a client that knows nothing of Muster. Tables are compared as kubectl prints
// them, line by line, with what S 7 says they show.
package deploy
