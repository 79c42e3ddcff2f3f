// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// imageVersion is the version of the images that are tested.
const imageVersion = "v1.2.3-test"

// imagePorts maps each program that has an image to the port that it listens on.
var imagePorts = map[string]string{"muster": "7443/tcp", "muster-apiserver": "8443/tcp", "muster-controller": "8444/tcp"}

var builtImages = sync.OnceValue(func() error {
	return makeImages(imageFolder, nil, "-version", imageVersion)
})

// makeImages runs the tool of make image for this machine's platform. The first time this
// compiles the API server once more: tests are built with the paths of this machine, and
// images without.
func makeImages(to string, env []string, args ...string) error {
	checkout, err := filepath.Abs(filepath.Join("..", "..", ".."))
	if err != nil {
		return err
	}
	tool := filepath.Join(imageFolder, "image")
	for _, command := range []*exec.Cmd{
		exec.Command("go", "build", "-C", filepath.Join(checkout, "hack", "image"), "-o", tool, "."),
		exec.Command(tool, append([]string{"-root", checkout, "-output", to, "-platforms", "linux/" + runtime.GOARCH}, args...)...),
	} {
		command.Env = append(os.Environ(), env...)
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", command.Args, err, out)
		}
	}
	return nil
}

var unpackedImages = map[string]*image{}

// unpacked returns the image of a program, which it unpacks the first time. It is for tests
// that are not parallel.
func unpacked(t *testing.T, program string) *image {
	t.Helper()
	require.NoError(t, builtImages())
	if unpackedImages[program] == nil {
		root := filepath.Join(imageFolder, "root-"+program)
		require.NoError(t, os.Mkdir(root, 0o755))
		a := readArchive(t, filepath.Join(imageFolder, program+".tar"))
		unpackedImages[program] = a.image(t, runtime.GOARCH, root)
	}
	return unpackedImages[program]
}

func TestTheImagesSayWhatTheyAre(t *testing.T) {
	commit, err := exec.Command("git", "-C", cluster.Checkout(t), "log", "-1", "--format=%H %ct").Output()
	require.NoError(t, err)
	var revision string
	var made int64
	_, err = fmt.Sscan(string(commit), &revision, &made)
	require.NoError(t, err)
	for program, port := range imagePorts {
		i := unpacked(t, program)
		assert.Equal(t, imageVersion, i.archive.entry.Annotations["org.opencontainers.image.ref.name"])
		labels := i.config.Config.Labels
		assert.Equal(t, labels, i.archive.index.Annotations)
		assert.Equal(t, program, labels["org.opencontainers.image.title"])
		assert.Equal(t, imageVersion, labels["org.opencontainers.image.version"])
		assert.Equal(t, revision, labels["org.opencontainers.image.revision"])
		assert.Equal(t, time.Unix(made, 0).UTC().Format(time.RFC3339), labels["org.opencontainers.image.created"])
		assert.Equal(t, "Apache-2.0", labels["org.opencontainers.image.licenses"])
		for _, name := range []string{"description", "source", "url", "documentation", "vendor"} {
			assert.NotEmpty(t, labels["org.opencontainers.image."+name], name)
		}
		assert.Equal(t, "linux", i.config.OS)
		assert.Equal(t, runtime.GOARCH, i.config.Architecture)
		assert.Equal(t, "65532:65532", i.config.Config.User)
		assert.Equal(t, []string{"/" + program}, i.config.Config.Entrypoint)
		assert.Equal(t, map[string]struct{}{port: {}}, i.config.Config.ExposedPorts)
		assert.Len(t, i.config.History, len(i.manifest.Layers))
	}
}

func TestAnImageHoldsItsProgramAndAuthoritiesOnly(t *testing.T) {
	for program := range imagePorts {
		i := unpacked(t, program)
		modes := map[string]int64{}
		for _, entry := range i.entries {
			assert.NotContains(t, modes, entry.Name, "twice")
			modes[entry.Name] = entry.Mode
			assert.Zero(t, entry.Uid, entry.Name)
			assert.Zero(t, entry.Gid, entry.Name)
			assert.Equal(t, i.config.Created.Unix(), entry.ModTime.Unix(), entry.Name)
			assert.Equal(t, strings.HasSuffix(entry.Name, "/"), entry.Typeflag == tar.TypeDir, entry.Name)
		}
		assert.Equal(t, map[string]int64{
			"etc/": 0o755, "etc/ssl/": 0o755, "etc/ssl/certs/": 0o755, "etc/ssl/certs/ca-certificates.crt": 0o444,
			program: 0o555,
		}, modes, "no setuid, and nothing that its user may write to")

		rest, err := os.ReadFile(filepath.Join(i.root, "etc", "ssl", "certs", "ca-certificates.crt"))
		require.NoError(t, err)
		authorities := 0
		for block := (*pem.Block)(nil); ; authorities++ {
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			require.NoError(t, err)
			require.True(t, certificate.IsCA, certificate.Subject)
		}
		assert.Empty(t, rest)
		assert.Greater(t, authorities, 50)
	}
}

func TestTheProgramsOfTheImagesNeedNothingElse(t *testing.T) {
	for program := range imagePorts {
		i := unpacked(t, program)
		binary, err := elf.Open(i.entryPoint(t))
		require.NoError(t, err)
		defer binary.Close()
		for _, segment := range binary.Progs {
			assert.NotEqual(t, elf.PT_INTERP, segment.Type, "needs a dynamic linker, which the image does not have")
		}
		libraries, err := binary.ImportedLibraries()
		require.NoError(t, err)
		assert.Empty(t, libraries)

		command := exec.CommandContext(t.Context(), i.entryPoint(t), "--version")
		command.Env, command.Dir = i.config.Config.Env, i.root
		enclose(command, i)
		version, err := command.CombinedOutput()
		require.NoError(t, err, string(version))
		assert.Equal(t, program+" "+imageVersion+"\n", string(version))
	}
}

func TestTheManifestsRunTheImagesAsTheyAre(t *testing.T) {
	for name, objects := range installs(t) {
		for program, deployment := range programs {
			i := unpacked(t, program)
			c := container(t, objects, deployment)
			repository, tag, _ := strings.Cut(c.Image, ":")
			assert.Equal(t, program, path.Base(repository), name)
			assert.Equal(t, appVersion(t), tag, name)
			assert.Empty(t, c.Command, "%s: the image knows its program", name)
			context := as[appsv1.Deployment](t, objects, deployment).Spec.Template.Spec.SecurityContext
			assert.Equal(t, fmt.Sprintf("%d:%d", *context.RunAsUser, *context.RunAsGroup), i.config.Config.User, name)
			require.Len(t, c.Ports, 1)
			assert.Contains(t, i.config.Config.ExposedPorts, fmt.Sprintf("%d/tcp", c.Ports[0].ContainerPort), name)
		}
	}
}

// The oracle is the output of "go version -m".
func TestAnSBOMListsEveryModuleOfItsProgram(t *testing.T) {
	for program := range imagePorts {
		i := unpacked(t, program)
		beside, err := os.ReadFile(filepath.Join(imageFolder, program+"-linux-"+runtime.GOARCH+".cdx.json"))
		require.NoError(t, err)
		require.Equal(t, string(beside), string(i.sbom))
		var sbom struct {
			BOMFormat, SpecVersion string
			Metadata               struct {
				Component struct{ Name, Version string }
			}
			Components []struct{ Name, Version, PURL string }
		}
		require.NoError(t, json.Unmarshal(i.sbom, &sbom))
		assert.Equal(t, "CycloneDX 1.6", sbom.BOMFormat+" "+sbom.SpecVersion)
		assert.Equal(t, program+" "+imageVersion, sbom.Metadata.Component.Name+" "+sbom.Metadata.Component.Version)
		got := map[string]string{}
		for _, c := range sbom.Components {
			assert.Equal(t, "pkg:golang/"+c.Name+"@"+c.Version, c.PURL)
			got[c.Name] = c.Version
		}
		said, err := exec.CommandContext(t.Context(), "go", "version", "-m", i.entryPoint(t)).Output()
		require.NoError(t, err)
		want := map[string]string{"stdlib": strings.TrimPrefix(runtime.Version(), "go")}
		for line := range strings.Lines(string(said)) {
			if fields := strings.Fields(line); fields[0] == "dep" {
				want[fields[1]] = fields[2]
			}
		}
		require.Greater(t, len(want), 50, "the test no longer understands: %s", said)
		const authorities = "golang.org/x/crypto/x509roots/fallback"
		assert.NotEmpty(t, got[authorities])
		delete(got, authorities)
		assert.Equal(t, want, got)
		assert.Len(t, sbom.Components, len(want)+1)
	}
}

// The source is the same, but it is elsewhere, and it is not a git checkout.
func TestAnotherCheckoutMakesTheSameImage(t *testing.T) {
	const program = "muster-controller"
	i := unpacked(t, program)
	elsewhere, root := cluster.Folder(t, "elsewhere"), cluster.Checkout(t)
	list, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "go.mod", "go.sum", "cmd", "pkg", "hack").Output()
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(list), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, and not yet committed
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(elsewhere, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(elsewhere, name), content, 0o755))
	}
	out := filepath.Join(elsewhere, "out")
	require.NoError(t, makeImages(out, []string{fmt.Sprintf("SOURCE_DATE_EPOCH=%d", i.config.Created.Unix())},
		"-root", elsewhere, "-version", imageVersion, "-revision", i.config.Config.Labels["org.opencontainers.image.revision"], "-programs", program))
	again := readArchive(t, filepath.Join(out, program+".tar"))
	assert.Equal(t, i.archive.entry, again.entry)
	assert.Equal(t, slices.Sorted(maps.Keys(i.archive.files)), slices.Sorted(maps.Keys(again.files)))
	first, err := os.ReadFile(filepath.Join(imageFolder, program+".tar"))
	require.NoError(t, err)
	second, err := os.ReadFile(filepath.Join(out, program+".tar"))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(first, second), "the archives differ")
}
