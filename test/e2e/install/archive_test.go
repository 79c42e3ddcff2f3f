// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	oci "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// archive is an OCI archive: a tar of an image layout.
type archive struct {
	files map[string][]byte
	// entry is the only entry of the layout, and index what it describes.
	entry oci.Descriptor
	index oci.Index
}

// readArchive reads an archive, and requires that each blob has its digest and that
// something in the archive names it.
func readArchive(t *testing.T, path string) *archive {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	a := &archive{files: map[string][]byte{}}
	unpack(t, file, func(header *tar.Header, content []byte) {
		if header.Typeflag == tar.TypeReg {
			a.files[header.Name] = content
		}
	})
	require.JSONEq(t, `{"imageLayoutVersion": "1.0.0"}`, string(a.files[oci.ImageLayoutFile]))
	var layout oci.Index
	require.NoError(t, json.Unmarshal(a.files[oci.ImageIndexFile], &layout))
	require.Len(t, layout.Manifests, 1, "skopeo and crane refuse to choose")
	a.entry = layout.Manifests[0]
	require.Equal(t, oci.MediaTypeImageIndex, a.entry.MediaType)
	used := map[digest.Digest]bool{a.entry.Digest: true}
	decode(t, a, a.entry, &a.index)
	for _, described := range a.index.Manifests {
		var manifest oci.Manifest
		decode(t, a, described, &manifest)
		used[described.Digest], used[manifest.Config.Digest] = true, true
		for _, layer := range manifest.Layers {
			used[layer.Digest] = true
		}
	}
	require.Len(t, a.files, len(used)+2, "each blob is a part of the image")
	return a
}

// blob returns the content of a descriptor.
func (a *archive) blob(t *testing.T, described oci.Descriptor) []byte {
	t.Helper()
	content, found := a.files["blobs/sha256/"+described.Digest.Encoded()]
	require.True(t, found, described.Digest)
	require.Len(t, content, int(described.Size))
	require.Equal(t, digest.FromBytes(content), described.Digest)
	return content
}

func decode(t *testing.T, a *archive, described oci.Descriptor, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(a.blob(t, described), into))
}

// unpack calls f with each entry of a tar.
func unpack(t *testing.T, from io.Reader, f func(header *tar.Header, content []byte)) {
	t.Helper()
	for r := tar.NewReader(from); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		f(header, content)
	}
}

// image is an image of an archive, unpacked.
type image struct {
	archive   *archive
	described oci.Descriptor
	manifest  oci.Manifest
	config    oci.Image
	// entries are those of all layers, in their order.
	entries []*tar.Header
	// root is the folder with its files.
	root string
	// sbom is the layer of the artifact that refers to the image.
	sbom []byte
}

// image unpacks the image of a platform into a folder.
func (a *archive) image(t *testing.T, arch, root string) *image {
	t.Helper()
	i := &image{archive: a, root: root}
	for _, described := range a.index.Manifests {
		if p := described.Platform; p != nil && p.OS == "linux" && p.Architecture == arch {
			require.Empty(t, i.described.Digest, "two images for one platform")
			i.described = described
		}
	}
	decode(t, a, i.described, &i.manifest)
	decode(t, a, i.manifest.Config, &i.config)
	require.Len(t, i.config.RootFS.DiffIDs, len(i.manifest.Layers))
	for n, layer := range i.manifest.Layers {
		require.Equal(t, oci.MediaTypeImageLayerGzip, layer.MediaType)
		zipped, err := gzip.NewReader(bytes.NewReader(a.blob(t, layer)))
		require.NoError(t, err)
		content, err := io.ReadAll(zipped)
		require.NoError(t, err)
		require.Equal(t, i.config.RootFS.DiffIDs[n], digest.FromBytes(content))
		unpack(t, bytes.NewReader(content), i.extract(t))
	}
	for _, described := range a.index.Manifests {
		var manifest oci.Manifest
		decode(t, a, described, &manifest)
		if manifest.Subject == nil || manifest.Subject.Digest != i.described.Digest {
			continue
		}
		require.Nil(t, i.sbom, "two SBOMs")
		require.Equal(t, "application/vnd.cyclonedx+json", manifest.ArtifactType)
		require.Equal(t, manifest.ArtifactType, described.ArtifactType)
		require.Equal(t, oci.MediaTypeEmptyJSON, manifest.Config.MediaType)
		require.Equal(t, i.described.Size, manifest.Subject.Size)
		require.Equal(t, &oci.Platform{OS: "unknown", Architecture: "unknown"}, described.Platform, "runtimes pass over it")
		require.Len(t, manifest.Layers, 1)
		require.Equal(t, manifest.ArtifactType, manifest.Layers[0].MediaType)
		i.sbom = a.blob(t, manifest.Layers[0])
	}
	require.NotNil(t, i.sbom, "no artifact refers to the image")
	return i
}

func (i *image) extract(t *testing.T) func(header *tar.Header, content []byte) {
	return func(header *tar.Header, content []byte) {
		i.entries = append(i.entries, header)
		path := filepath.Join(i.root, filepath.Clean("/"+header.Name))
		switch header.Typeflag {
		case tar.TypeDir:
			require.NoError(t, os.MkdirAll(path, header.FileInfo().Mode().Perm()))
		case tar.TypeReg:
			require.NoError(t, os.WriteFile(path, content, header.FileInfo().Mode().Perm()))
		default:
			require.Fail(t, "neither a file nor a folder", "%+v", header)
		}
	}
}

// entryPoint returns the path of the program that the image starts, in the unpacked folder.
func (i *image) entryPoint(t *testing.T) string {
	t.Helper()
	require.Len(t, i.config.Config.Entrypoint, 1)
	require.Empty(t, i.config.Config.Cmd)
	require.True(t, strings.HasPrefix(i.config.Config.Entrypoint[0], "/"))
	return filepath.Join(i.root, i.config.Config.Entrypoint[0])
}
