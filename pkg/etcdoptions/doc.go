// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcdoptions holds the flags that muster-apiserver and muster-controller share:
// where Muster's records are in etcd, and with which keys they are encrypted. Their names
// are kube-apiserver's.
//
//	options.go     servers, certificates, prefix, compaction
//	connect.go     options to a client of an etcd that answers and is fit
//	encryption.go  an EncryptionConfiguration to the keys of a log
package etcdoptions
