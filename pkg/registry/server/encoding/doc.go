// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package encoding writes BundleDeployments, lists of them and the events of watches as JSON.
// The bytes are exactly those of encoding/json. But encoding/json finds by reflection what
// is written out here, and takes several times as long: three quarters of the time of a
// list.
//
//	serializer.go  Faster: which encoder writes what
//	deployment.go  a BundleDeployment
//	options.go     its options, and the texts that are kept
//	text.go        the text that is written to
//	pretty.go      indented JSON
//	strict.go      names unknown and repeated members
//
// Rare members are left to encoding/json: owner references, drift, what is not ready. If a
// type gains a field that is not written here, the tests find it: they compare with
// encoding/json over random objects.
//
// The options of a deployment are most of its text, and all Clusters on which they are the
// same share one value. So the encoder keeps and copies the texts that it wrote last: some
// hundred KiB for each request that is being encoded, and nothing for long.
//
// Kinds that users write read and write their own JSON (pkg/apis/fleet/schema). For them
// the strict readers of this package name unknown and repeated members, which the
// serializers of the API machinery do not see.
package encoding
