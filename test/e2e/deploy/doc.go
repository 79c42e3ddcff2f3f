// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deploy tests the whole way. An agent registers by token and a user labels its
// Cluster. The agent deploys into a cluster with Helm, and tables show the result, until
// the user removes the label.
//
// The agent is muster-agent, a process that tests kill. It starts with nothing but the
// values of a token, and has only the rights that muster-controller grants it. It deploys
// into the control plane that Muster serves, where the tests look for the objects. The
// tables are compared as kubectl prints them, line by line, with what S 7 requires.
package deploy
