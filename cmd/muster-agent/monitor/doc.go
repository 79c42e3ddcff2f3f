// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package monitor looks at what has been deployed: is it there, is it ready, has
// somebody changed it (S 9.7)?
//
// An object has been changed if applying it again, as a dry run, would change it:
// so what the cluster fills in by itself is no drift, and fields that others added
// are not either. Whether it is ready is what kstatus says.
//
// A look costs one GET and one dry run for each object, one after the other.
package monitor
