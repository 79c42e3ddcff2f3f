// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pki makes and renews the certificates of the all-in-one: its authority, the
// server's certificate, and the administrator's, which the kubeconfig carries.
//
//	pki.go         Load: the certificates of a directory
//	kubeconfig.go  WriteKubeconfig: the administrator's way in
package pki
