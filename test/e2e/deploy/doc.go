// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deploy tests the whole way: an agent registers by token, a user labels its
// Cluster, the agent deploys into a cluster with Helm, and everybody sees in tables
// what became of it; until the label is taken off.
//
// The agent is muster-agent, a process of its own that is killed at will. It starts
// with nothing but what a token yields, and has no rights but those that
// muster-controller grants it: another process, with the rights of the manifests. It
// deploys into the control plane that Muster serves; the tests look there for the
// objects, with a client that knows nothing of Muster. Tables are compared as kubectl
// prints them, line by line, with what S 7 says they show.
package deploy
