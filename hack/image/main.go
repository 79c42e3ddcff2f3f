// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Command image builds the images of Muster's programs without a container engine: an OCI
// archive for each program, with one image for each platform and its SBOM. make image runs
// it.
//
//	main.go     the flags, and what it prints
//	source.go   which commit is built, and when it was made
//	build.go    builds the programs
//	layer.go    the files of an image
//	program.go  the programs, and the image of one for one platform
//	sbom.go     the SBOM of a program, and its place beside the image
//	archive.go  the index over all platforms, and its archive
//	push.go     sends it to a registry
//
// An image holds one static program, the authorities that Mozilla trusts, and nothing else.
// All files belong to root, no user may write to them, and the program runs as the user
// 65532. The authorities are for connections without a CA of their own, as to etcd without
// --etcd-cafile or to a webhook without a caBundle. The rest of what images usually hold is
// not needed: the programs embed the time zones, they ask for no user's name, and they write
// only to the folders that an operator gives them.
//
// Two runs make the same bytes from the same files, with the same Go and VERSION. Times are
// those of the commit, or SOURCE_DATE_EPOCH.
//
// The index has two manifests for each platform: the image, and an artifact whose subject is
// the image and whose layer is the SBOM in CycloneDX's format. In a registry, the artifact is
// therefore among the image's referrers. Programs that run images skip it, because its
// platform is unknown/unknown.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// options are the flags.
type options struct {
	root, output, version, revision, push string
	platforms, programs                   []string
}

func main() {
	o, err := parse(os.Args[1:])
	if err == nil {
		err = run(o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	var platforms, names string
	flags := flag.NewFlagSet("image", flag.ExitOnError)
	flags.StringVar(&o.root, "root", ".", "the checkout")
	flags.StringVar(&o.output, "output", "bin/image", "the folder to write to")
	flags.StringVar(&o.version, "version", "unknown", "the version of the programs, and the images' tag")
	flags.StringVar(&o.revision, "revision", "", "the commit; if empty, git says it")
	flags.StringVar(&platforms, "platforms", "linux/amd64,linux/arm64", "the platforms to build for")
	flags.StringVar(&names, "programs", strings.Join(programNames(), ","), "the programs to build")
	flags.StringVar(&o.push, "push", "", "push the images too, to repositories below this `registry/path`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	o.platforms, o.programs = strings.Split(platforms, ","), strings.Split(names, ",")
	return o, nil
}

func run(o options, out io.Writer) error {
	s, err := readSource(o)
	if err != nil {
		return err
	}
	built, err := os.MkdirTemp("", "muster-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(built)
	for _, platform := range o.platforms {
		if err := build(o, platform, built); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.output, 0o755); err != nil {
		return err
	}
	for _, name := range o.programs {
		index, err := makeIndex(o, s, name, built)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		archive := filepath.Join(o.output, name+".tar")
		if err := writeArchive(index, s, archive); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
		digest, err := index.Digest()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s  %s  %s\n", archive, o.version, digest)
		if o.push != "" {
			pushed, err := push(index, o.push, name, o.version)
			if err != nil {
				return fmt.Errorf("%s was not pushed: %w", name, err)
			}
			fmt.Fprintf(out, "  pushed: %s\n", pushed)
		}
	}
	fmt.Fprintf(out, "\nFor %s, built by %s: another version of Go makes other digests. Beside each archive are its SBOMs (*.cdx.json).\n", strings.Join(o.platforms, " and "), runtime.Version())
	if o.push == "" {
		one := filepath.Join(o.output, o.programs[0])
		to := "REGISTRY/PATH/" + o.programs[0] + ":" + o.version
		fmt.Fprintf(out, `To push all of them:  make image PUSH=REGISTRY/PATH
To push one of them:  skopeo copy --all oci-archive:%[1]s.tar docker://%[3]s
                 or:  oras cp --from-oci-layout %[1]s.tar:%[2]s %[3]s
                 or:  mkdir %[1]s && tar -xf %[1]s.tar -C %[1]s && crane push %[1]s %[3]s
`, one, o.version, to)
	}
	return nil
}
