// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight checks whether Muster can be installed in a cluster, and whether an
// installation has what it needs. It reads, and changes nothing.
//
//	group.go        CheckGroup: the check of a server at each start, with few rights
//	preflight.go    Run: the check of an operator, with the rights of an administrator
//	report.go       the lines that Run writes
//	kubernetes.go   the version, the aggregation layer, the front proxy
//	served.go       other servers of the group
//	secret.go       what is in the Secrets of the manifests
//	serving.go      the serving certificate
//	certificate.go  what is wrong with a certificate
//	etcd.go         etcd as a whole
//	member.go       one member of etcd
package preflight
