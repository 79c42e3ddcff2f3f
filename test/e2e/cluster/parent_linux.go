// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import "syscall"

// dieWithParent makes the kernel kill a process whenever this one dies. The process gets a
// group of its own, so that a terminal's interrupt does not reach it: this process decides
// what stops it, and in which order.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
