// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// enclose lets a command see nothing but the image, and run as its user. Only root can do
// that; for other users the command runs as it is.
func enclose(command *exec.Cmd, i *image) {
	if os.Geteuid() != 0 {
		return
	}
	const user = 65532
	command.Path, command.Dir = filepath.Join("/", i.config.Config.Entrypoint[0]), "/"
	command.SysProcAttr = &syscall.SysProcAttr{Chroot: i.root, Credential: &syscall.Credential{Uid: user, Gid: user}}
}
