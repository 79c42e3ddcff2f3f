// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backup loses etcd and restores it from a snapshot, by the very commands of
// docs/backup.md, so the page itself is tested.
//
// The oracle is Muster's own list before the loss, at exactly the revision of the snapshot:
// all objects of all kinds, except for their resourceVersions. Informers that run through
// it all play the agents.
package backup
