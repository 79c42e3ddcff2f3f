// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/uuid"
)

const (
	sbomType  types.MediaType = "application/vnd.cyclonedx+json"
	emptyType types.MediaType = "application/vnd.oci.empty.v1+json"

	module = "github.com/musterfleet/muster"
	// bundleModule holds the authorities, which are in the image and not in the program.
	bundleModule = "golang.org/x/crypto/x509roots/fallback"
)

// makeSBOM returns the SBOM of a program's image in CycloneDX's JSON. It lists the modules
// that the program itself says it was linked from, Go's standard library, and the module
// with the authorities.
func makeSBOM(s source, name, binary string) ([]byte, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	purl := fmt.Sprintf("pkg:golang/%s@%s#cmd/%s", module, s.version, name)
	main := cdx.Component{
		BOMRef: purl, PackageURL: purl, Type: cdx.ComponentTypeApplication, Name: name, Version: s.version,
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		Properties: buildProperties(info),
	}
	library := strings.TrimPrefix(strings.Fields(info.GoVersion)[0], "go")
	components := []cdx.Component{component("stdlib", library, "")}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		components = append(components, component(dep.Path, dep.Version, dep.Sum))
	}
	components = append(components, bundleComponent())
	refs := []string{}
	for _, c := range components {
		refs = append(refs, c.BOMRef)
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceURL, append([]byte(purl), sum[:]...)).URN()
	bom.Metadata = &cdx.Metadata{
		Timestamp: s.made.Format(time.RFC3339),
		Component: &main,
		Tools:     &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "make image", Version: s.version}}},
	}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: purl, Dependencies: &refs}}
	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// component returns the entry of a module. sum is its line in go.sum, "" without one.
func component(path, version, sum string) cdx.Component {
	purl := fmt.Sprintf("pkg:golang/%s@%s", path, version)
	c := cdx.Component{BOMRef: purl, PackageURL: purl, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, Scope: cdx.ScopeRequired}
	if content, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(sum, "h1:")); err == nil && len(content) == sha256.Size {
		c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(content)}}
	}
	return c
}

// bundleComponent reads the version of the authorities' module from this program itself.
func bundleComponent() cdx.Component {
	version, sum := "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			if dep.Path == bundleModule {
				version, sum = dep.Version, dep.Sum
			}
		}
	}
	c := component(bundleModule, version, sum)
	c.Type, c.Description = cdx.ComponentTypeData, "/"+authoritiesPath+": the authorities that Mozilla trusts"
	return c
}

// buildProperties returns the settings of the build, by their names in CycloneDX's
// taxonomy.
func buildProperties(info *debug.BuildInfo) *[]cdx.Property {
	out := []cdx.Property{{Name: "cdx:gomod:build:env:GOVERSION", Value: info.GoVersion}}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "GOOS", "GOARCH", "CGO_ENABLED":
			out = append(out, cdx.Property{Name: "cdx:gomod:build:env:" + setting.Key, Value: setting.Value})
		}
	}
	return &out
}

// artifact is a manifest with one layer, which says something about an image: its subject.
// As a v1.Image it can be in an index and in a registry.
type artifact struct {
	manifest []byte
	layer    v1.Layer
}

// attach returns the artifact that gives an image its SBOM.
func attach(s source, subject v1.Image, sbom []byte) (v1.Image, error) {
	layer := static.NewLayer(sbom, sbomType)
	described, err := partial.Descriptor(layer)
	if err != nil {
		return nil, err
	}
	config := v1.Descriptor{MediaType: emptyType}
	if config.Digest, config.Size, err = v1.SHA256(bytes.NewReader(emptyConfig)); err != nil {
		return nil, err
	}
	manifest := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: string(sbomType), Config: config, Layers: []v1.Descriptor{*described},
		Annotations: map[string]string{"org.opencontainers.image.created": s.made.Format(time.RFC3339)},
		Subject:     &v1.Descriptor{MediaType: types.OCIManifestSchema1},
	}
	if manifest.Subject.Digest, err = subject.Digest(); err != nil {
		return nil, err
	}
	if manifest.Subject.Size, err = subject.Size(); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(artifact{raw, layer})
}

var emptyConfig = []byte("{}")

func (a artifact) RawConfigFile() ([]byte, error)      { return emptyConfig, nil }
func (a artifact) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
func (a artifact) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a artifact) LayerByDigest(v1.Hash) (partial.CompressedLayer, error) {
	return a.layer, nil
}
