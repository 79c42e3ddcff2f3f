// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// build builds the programs for a platform, such as linux/arm64, into a folder of its own
// below dir: see binary.
func build(o options, platform, dir string) error {
	system, arch, found := strings.Cut(platform, "/")
	if !found || system != "linux" || strings.Contains(arch, "/") {
		return fmt.Errorf("the platform %q is not one of Linux: say linux/amd64 or linux/arm64", platform)
	}
	root, err := filepath.Abs(o.root)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("building for %s (the first time, this compiles etcd and the API server: some minutes)", platform)
	args := []string{
		what, "go", "build",
		// No path of this machine, and nothing that depends on the tags of this clone.
		"-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags", "-s -w -X github.com/musterfleet/muster/pkg/registry/server.version=" + o.version,
		"-o", filepath.Join(dir, system, arch) + string(filepath.Separator),
	}
	for _, name := range o.programs {
		if _, known := programs[name]; !known {
			return fmt.Errorf("%q is not one of the programs %s", name, strings.Join(programNames(), ", "))
		}
		args = append(args, "./cmd/"+name)
	}
	command := exec.Command(filepath.Join(root, "hack", "progress.sh"), args...)
	command.Dir, command.Stdout, command.Stderr = root, os.Stderr, os.Stderr
	// Not what this machine's environment says: each of these changes the program.
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "GOEXPERIMENT=") })
	command.Env = append(command.Env, "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0",
		"GOFLAGS=-trimpath", "GOFIPS140=off", "GOWORK=off")
	if err := command.Run(); err != nil {
		return fmt.Errorf("go build for %s: %w", platform, err)
	}
	return nil
}

// binary returns the path at which build leaves a program.
func binary(dir, platform, name string) string {
	return filepath.Join(dir, filepath.FromSlash(platform), name)
}
