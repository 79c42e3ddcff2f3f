//go:build !linux

// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import "syscall"

// dieWithParent does less outside of Linux: a test binary that is killed leaves its
// processes behind.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
