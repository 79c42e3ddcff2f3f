// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import "syscall"

// dieWithParent has the kernel kill a process when this one dies, however it does.
// The group of its own keeps a terminal's interrupt away from it: what stops it, and
// in which order, is this process's business.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
