// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package frontproxy checks that the users' names from a cluster's front proxy can be
// trusted. The server checks once, at its start (Check): it must not run where a user can
// speak for all others. An operator checks before an installation (CheckConfigMap). Each
// check costs one read of a ConfigMap.
package frontproxy
