// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// checkout is the root of this module, relative to this package's folder.
const checkout = "../.."

// client is one kubectl.
type client struct {
	name    string // for messages
	path    string
	release string // "1.32"
	pinned  bool   // the one that the sessions were written with
}

// clients returns the kubectls that the tests use: the pinned one, and that of the PATH.
var clients = sync.OnceValues(func() ([]client, error) {
	var stderr bytes.Buffer
	tool := exec.Command(filepath.Join(checkout, "hack", "tool.sh"), "kubectl")
	tool.Stderr = &stderr
	built, err := tool.Output()
	if err != nil {
		return nil, fmt.Errorf("hack/tool.sh kubectl: %w\n%s", err, stderr.String())
	}
	found := []client{{name: "pinned", path: strings.TrimSpace(string(built)), pinned: true}}
	if path, err := exec.LookPath("kubectl"); err == nil {
		found = append(found, client{name: "from PATH", path: path})
	}
	for i := range found {
		if found[i].release, err = release(found[i].path); err != nil {
			return nil, err
		}
	}
	return found, nil
})

var releasePattern = regexp.MustCompile(`^v(1\.\d+)\.`)

func release(path string) (string, error) {
	out, err := exec.Command(path, "version", "--client", "-o", "json").Output()
	if err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	var version struct {
		ClientVersion struct{ GitVersion string }
	}
	if err := json.Unmarshal(out, &version); err != nil {
		return "", fmt.Errorf("%s version: %w", path, err)
	}
	match := releasePattern.FindStringSubmatch(version.ClientVersion.GitVersion)
	if match == nil {
		return "", fmt.Errorf("%s has version %q, which names no release of Kubernetes", path, version.ClientVersion.GitVersion)
	}
	return match[1], nil
}

// sameWords are the releases that answer in the pinned client's words, except for what
// normalise replaces. A person has checked their answers.
var sameWords = []string{"1.32"}

// compared reports whether the test compares the client's output, and not only exit codes.
func (c client) compared() bool { return c.pinned || slices.Contains(sameWords, c.release) }
