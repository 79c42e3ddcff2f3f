// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push sends an index, with everything in it, to the program's repository below a path in a
// registry, and returns its name there. The password is that of docker login or the like.
func push(index v1.ImageIndex, path, program, tag string) (string, error) {
	to, err := name.NewTag(fmt.Sprintf("%s/%s:%s", path, program, tag))
	if err != nil {
		return "", err
	}
	if err := remote.WriteIndex(to, index, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	return to.Name() + "@" + digest.String(), nil
}
