// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// makeIndex returns the index over a program's images for all platforms and their SBOMs. It
// also writes each SBOM to a file, for programs that read no images.
func makeIndex(o options, s source, name, built string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range o.platforms {
		from := binary(built, platform, name)
		image, err := makeImage(s, name, platform, from)
		if err != nil {
			return nil, err
		}
		sbom, err := makeSBOM(s, name, from)
		if err != nil {
			return nil, err
		}
		file := name + "-" + strings.ReplaceAll(platform, "/", "-") + ".cdx.json"
		if err := os.WriteFile(filepath.Join(o.output, file), sbom, 0o644); err != nil {
			return nil, err
		}
		about, err := attach(s, image, sbom)
		if err != nil {
			return nil, err
		}
		system, arch, _ := strings.Cut(platform, "/")
		index = mutate.AppendManifests(index,
			mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: system, Architecture: arch}}},
			mutate.IndexAddendum{Add: about, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
	}
	return mutate.Annotations(index, s.labels(name)).(v1.ImageIndex), nil
}

// writeArchive writes an OCI archive: a tar of an image layout with the index as its only
// entry, since skopeo and crane refuse to choose.
func writeArchive(index v1.ImageIndex, s source, archive string) (err error) {
	dir, err := os.MkdirTemp("", "muster-layout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := all.AppendIndex(index, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": s.version})); err != nil {
		return err
	}
	file, err := os.Create(archive)
	if err != nil {
		return err
	}
	defer func() {
		if closed := file.Close(); err == nil {
			err = closed
		}
	}()
	w := tar.NewWriter(file)
	// In the order of the names.
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		header := &tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: 0o755, ModTime: s.made, Format: tar.FormatPAX}
		if entry.IsDir() {
			return w.WriteHeader(header)
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		header.Typeflag, header.Name, header.Mode, header.Size = tar.TypeReg, name, 0o644, int64(len(content))
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return w.Close()
}
