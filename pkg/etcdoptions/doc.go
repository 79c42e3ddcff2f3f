// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcdoptions holds the flags that muster-apiserver and muster-controller share:
// the place of Muster's records in etcd, and the keys that encrypt them. The flags have
// the names of kube-apiserver's.
//
//	options.go     servers, certificates, prefix, compaction
//	connect.go     Connect: a client of an etcd that answers and is fit
//	encryption.go  Load: the keys of an EncryptionConfiguration
package etcdoptions
