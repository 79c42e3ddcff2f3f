// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubectl checks that kubectl works with Muster. It holds only tests.
//
// Each file testdata/*.md is a session at a terminal, with prose between the commands: the
// indented text is what a user typed and the answers. The test starts bin/muster as a user
// would, types every session anew with each kubectl that it has, and compares:
//
//   - the kubectl of the Kubernetes release that Muster is built with, pinned in
//     test/e2e/go.mod and built once by hack/tool.sh;
//   - the kubectl of the PATH, if it exists. Releases of Kubernetes change kubectl's words
//     now and then, so the test compares only the exit codes of a release that is not in
//     sameWords.
//
// "go test ./test/kubectl -update" rewrites the files; read the changes. What differs from
// run to run (times, UIDs, revisions, ports) is replaced: see normalise_test.go.
//
// It costs some seconds for each session and kubectl. Every session has a server of its
// own, so sessions neither affect each other nor depend on an order.
package kubectl
