// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command program is kubectl, as k8s.io/kubectl is made into a command by
// Kubernetes itself; that module has no main package of its own. hack/tool.sh
// builds it and stamps the version.
package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	if err := cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand()); err != nil {
		// Errors that a subcommand does not handle itself, such as a flag that does
		// not parse, are printed the way it would have.
		util.CheckErr(err)
	}
}
