// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// source holds what an image says about the source that it was made of.
type source struct {
	// version is the version of the programs, and revision the commit, which may be "".
	version, revision string
	// made is the time of the commit, or SOURCE_DATE_EPOCH.
	made time.Time
}

func readSource(o options) (source, error) {
	s := source{version: o.version, revision: o.revision}
	if s.revision == "" {
		// An archive of the source has no commit; its images then name none.
		s.revision, _ = git(o.root, "rev-parse", "HEAD")
	}
	seconds, from := os.Getenv("SOURCE_DATE_EPOCH"), "SOURCE_DATE_EPOCH"
	if seconds == "" {
		var err error
		if seconds, err = git(o.root, "log", "-1", "--format=%ct"); err != nil {
			return s, fmt.Errorf("git does not say when the commit was made; set SOURCE_DATE_EPOCH to a time in seconds since 1970: %w", err)
		}
		from = "git log"
	}
	at, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return s, fmt.Errorf("%s is %q, which is not a time in seconds since 1970", from, seconds)
	}
	s.made = time.Unix(at, 0).UTC()
	return s, nil
}

func git(dir string, args ...string) (string, error) {
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}
