// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package monitor inspects deployed objects: do they exist, are they ready, have they been
// changed (S 9.7)? It corrects nothing.
//
//	look.go    a look at each object: does it exist, is it ready, has it changed
//	report.go  what a look found, as the status of a BundleDeployment
//
// An object has been changed if applying it again, as a dry run, would change it. So values
// that the cluster fills in and fields that others have added are not drift. kstatus
// decides whether an object is ready.
//
// A look costs one GET and one dry run for each object, one after the other.
package monitor
