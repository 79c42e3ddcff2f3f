// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"errors"
	"fmt"
	"sync"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Remote plays all git servers: it holds what each repository contains at its newest
// commit.
type Remote struct {
	mu struct {
		sync.Mutex
		repos map[string]Commit
	}
}

// Commit is the newest commit of a repository.
type Commit struct {
	// ID is its hash.
	ID string
	// Folders maps a path in the repository to the Bundle that "fleet apply" reads in it.
	Folders map[string]v1alpha1.BundleSpec
	// Broken, unless it is "", is the message with which "fleet apply" fails.
	Broken string
}

// NewRemote returns git servers without repositories.
func NewRemote() *Remote {
	r := &Remote{}
	r.mu.repos = map[string]Commit{}
	return r
}

// Push makes a commit the newest one of a repository.
func (r *Remote) Push(repo string, commit Commit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.repos[repo] = commit
}

// Fetch returns the newest commit of a repository.
func (r *Remote) Fetch(repo string) (Commit, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	commit, found := r.mu.repos[repo]
	if !found {
		return Commit{}, fmt.Errorf("%s: %w", repo, errNoRepository)
	}
	return commit, nil
}

var errNoRepository = errors.New("repository not found")
