// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"debug/elf"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// instructions returns the instructions of the Dockerfile, with continued lines joined.
func instructions(t *testing.T) []string {
	t.Helper()
	var all []string
	joined := strings.ReplaceAll(text(t, "Dockerfile"), "\\\n", " ")
	for line := range strings.Lines(joined) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

func instruction(t *testing.T, start string) string {
	t.Helper()
	var found []string
	for _, line := range instructions(t) {
		if strings.HasPrefix(line, start) {
			found = append(found, line)
		}
	}
	require.Len(t, found, 1, "lines that start with %q", start)
	return found[0]
}

func TestTheImageHoldsOnlyTheProgramsAndRunsUnprivileged(t *testing.T) {
	t.Parallel()
	all := instructions(t)
	last := 0
	for i, line := range all {
		if strings.HasPrefix(line, "FROM ") {
			last = i
		}
	}
	final := all[last:]
	assert.Regexp(t, `^FROM gcr\.io/distroless/static-debian\d+:nonroot$`, final[0])
	var verbs []string
	for _, line := range final {
		verbs = append(verbs, strings.Fields(line)[0])
	}
	assert.Equal(t, []string{"FROM", "ARG", "LABEL", "COPY", "USER", "EXPOSE", "ENTRYPOINT"}, verbs, "nothing runs in it, and one layer is added")
	assert.Equal(t, "USER 65532:65532", instruction(t, "USER"), "the runAsUser of the Deployment, as a number")
	assert.Equal(t, `ENTRYPOINT ["/muster-apiserver"]`, instruction(t, "ENTRYPOINT"), "the exec form, because the image has no shell")
	assert.Contains(t, instruction(t, "FROM --platform"), "--platform=$BUILDPLATFORM golang:"+goVersion(t), "crosses from the builder's platform, with the Go of go.mod")
}

// goVersion returns the major and minor version that go.mod requires.
func goVersion(t *testing.T) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "mod", "edit", "-print")
	command.Dir = cluster.Checkout(t)
	out, err := command.Output()
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(out)
	require.NotNil(t, found)
	return string(found[1])
}

// The first time, this test compiles the API server once more: no other test builds it
// without cgo.
func TestTheDockerfileBuildsStaticBinariesThatKnowTheirVersion(t *testing.T) {
	t.Parallel()
	line := strings.TrimPrefix(instruction(t, "RUN CGO_ENABLED=0"), "RUN ")
	dir := cluster.Folder(t, "image")
	require.Contains(t, line, "-o /out/ ")
	line = strings.Replace(line, "/out/", dir+"/", 1)
	build := exec.CommandContext(t.Context(), filepath.Join(cluster.Checkout(t), "hack", "progress.sh"),
		"building what the image holds (some minutes the first time)", "sh", "-c", line)
	build.Dir = cluster.Checkout(t)
	build.Env = append(build.Environ(), "TARGETOS=linux", "TARGETARCH="+runtime.GOARCH, "VERSION=v1.2.3-test")
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s\n%s", line, output)

	copied := instruction(t, "COPY --from=build")
	for program := range programs {
		assert.Contains(t, copied, " /out/"+program+" ")
		out := filepath.Join(dir, program)
		binary, err := elf.Open(out)
		require.NoError(t, err)
		defer binary.Close()
		for _, segment := range binary.Progs {
			assert.NotEqual(t, elf.PT_INTERP, segment.Type, "needs a dynamic linker, which the image does not have")
		}
		libraries, err := binary.ImportedLibraries()
		require.NoError(t, err)
		assert.Empty(t, libraries)

		// As in the image, the environment is empty.
		command := exec.CommandContext(t.Context(), out, "--version")
		command.Env, command.Dir = []string{}, dir
		version, err := command.CombinedOutput()
		require.NoError(t, err, string(version))
		assert.Equal(t, program+" v1.2.3-test\n", string(version))
	}
}

func TestTheControllersPodRunsTheOtherProgramOfTheImage(t *testing.T) {
	t.Parallel()
	for name, objects := range installs(t) {
		server, controller := container(t, objects, deployment), container(t, objects, controllerDeployment)
		assert.Equal(t, server.Image, controller.Image, name)
		assert.Empty(t, server.Command, name)
		assert.Equal(t, []string{"/muster-controller"}, controller.Command, name)
	}
}

func TestTheBuildContextHoldsExactlyTheCopiedFiles(t *testing.T) {
	t.Parallel()
	var copied []string
	for _, line := range instructions(t) {
		if fields := strings.Fields(line); fields[0] == "COPY" && !strings.HasPrefix(fields[1], "--from") {
			copied = append(copied, fields[1:len(fields)-1]...)
		}
	}
	var allowed []string
	everythingElse := false
	for line := range strings.Lines(text(t, "Dockerfile.dockerignore")) {
		line = strings.TrimSpace(line)
		everythingElse = everythingElse || line == "*"
		if name, ok := strings.CutPrefix(line, "!"); ok {
			allowed = append(allowed, name)
		}
	}
	assert.True(t, everythingElse)
	assert.ElementsMatch(t, copied, allowed)
}
