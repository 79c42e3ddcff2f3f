// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package monitor inspects what has been deployed: does it exist, is it ready, has
// it been changed (S 9.7)?
//
// An object has been changed if applying it again, as a dry run, would change it:
// so what the cluster fills in by itself is no drift, and fields that others added
// are not either. kstatus decides whether it is ready.
//
// A look costs one GET and one dry run for each object, one after the other.
package monitor
