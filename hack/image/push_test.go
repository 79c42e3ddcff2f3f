// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

// The program in the image is this test: it too says what it was linked from.
func TestAPushedImageIsWholeAndHasItsSBOM(t *testing.T) {
	index := ownIndex(t)
	digest, err := index.Digest()
	require.NoError(t, err)
	for how, options := range map[string][]registry.Option{
		"a registry that lists referrers":        {registry.WithReferrersSupport(true)},
		"a registry that keeps them under a tag": {registry.WithReferrersSupport(false)},
	} {
		t.Run(how, func(t *testing.T) {
			server := httptest.NewServer(registry.New(append(options, registry.Logger(log.New(io.Discard, "", 0)))...))
			t.Cleanup(server.Close)
			path := strings.TrimPrefix(server.URL, "http://") + "/team/muster"
			pushed, err := push(index, path, "muster-apiserver", "v1.2.3")
			require.NoError(t, err)
			require.Equal(t, path+"/muster-apiserver:v1.2.3@"+digest.String(), pushed)

			tag, err := name.ParseReference(path + "/muster-apiserver:v1.2.3")
			require.NoError(t, err)
			found, err := remote.Index(tag)
			require.NoError(t, err)
			got, err := found.Digest()
			require.NoError(t, err)
			require.Equal(t, digest, got)
			require.NoError(t, validate.Index(found))
			for _, arch := range []string{"amd64", "arm64"} {
				image, err := remote.Image(tag, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
				require.NoError(t, err)
				config, err := image.ConfigFile()
				require.NoError(t, err)
				require.Equal(t, arch, config.Architecture)
				subject, err := image.Digest()
				require.NoError(t, err)
				requireOwnModules(t, referrer(t, tag.Context().Digest(subject.String())))
			}
		})
	}
}

// ownIndex returns the index of a program for two platforms that is this test itself.
func ownIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	content, err := os.ReadFile(self)
	require.NoError(t, err)
	o := options{output: t.TempDir(), platforms: []string{"linux/amd64", "linux/arm64"}}
	built := t.TempDir()
	for _, platform := range o.platforms {
		path := binary(built, platform, "muster-apiserver")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, content, 0o755))
	}
	index, err := makeIndex(o, source{version: "v1.2.3", made: time.Unix(1_700_000_000, 0)}, "muster-apiserver", built)
	require.NoError(t, err)
	return index
}

// referrer returns the layer of the only artifact that refers to an image.
func referrer(t *testing.T, image name.Digest) io.Reader {
	t.Helper()
	all, err := remote.Referrers(image)
	require.NoError(t, err)
	manifest, err := all.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 1)
	about, err := remote.Image(image.Context().Digest(manifest.Manifests[0].Digest.String()))
	require.NoError(t, err)
	layers, err := about.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 1)
	media, err := layers[0].MediaType()
	require.NoError(t, err)
	require.Equal(t, types.MediaType("application/vnd.cyclonedx+json"), media)
	content, err := layers[0].Compressed()
	require.NoError(t, err)
	t.Cleanup(func() { _ = content.Close() })
	return content
}

func requireOwnModules(t *testing.T, content io.Reader) {
	t.Helper()
	var sbom cdx.BOM
	require.NoError(t, cdx.NewBOMDecoder(content, cdx.BOMFileFormatJSON).Decode(&sbom))
	listed := map[string]string{}
	for _, c := range *sbom.Components {
		listed[c.Name] = c.Version
	}
	info, ok := debug.ReadBuildInfo()
	require.True(t, ok)
	require.NotEmpty(t, info.Deps)
	for _, dep := range info.Deps {
		require.Equal(t, dep.Version, listed[dep.Path], dep.Path)
	}
	require.Equal(t, strings.TrimPrefix(info.GoVersion, "go"), listed["stdlib"])
}
