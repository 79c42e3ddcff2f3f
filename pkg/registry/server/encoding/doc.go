// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package encoding writes BundleDeployments, lists of them and the events of watches as
// JSON. The bytes are exactly those of encoding/json, which finds out by reflection
// what is written out here, and takes several times as long: of a list, it was three
// quarters of the time.
//
//	serializer.go  Faster: which encoder writes what
//	deployment.go  a BundleDeployment
//	options.go     its options, and the texts that are kept
//	text.go        the text that is written to
//	pretty.go      indented JSON
//	strict.go      names unknown and repeated members
//
// What is rare it leaves to encoding/json member by member: owner references, drift,
// what is not ready. A field that a type gets and that is not written here is found by
// the tests, which compare with encoding/json over random objects.
//
// The options of a deployment are most of its text, and one value is shared by all
// Clusters on which they are the same. So the text of those last written is kept and
// copied: some hundred KiB for each request that is being encoded, and nothing for long.
//
// Kinds that people write read and write their own JSON (pkg/apis/fleet/schema). For
// them the strict readers of this package name unknown and repeated members, which the
// serializers of the API machinery do not see.
package encoding
