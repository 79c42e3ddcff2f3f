// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// user runs the program: the runAsUser and runAsGroup of the Deployments. It is a number,
// because kubelet cannot verify that a user with a name is not root.
const user = "65532:65532"

type program struct {
	description string
	// port is the port that it listens on without a flag.
	port string
}

// programs are the programs that have an image.
var programs = map[string]program{
	"muster":            {"Serves Rancher Fleet's API group in one process, with etcd in it, for one machine", "7443/tcp"},
	"muster-apiserver":  {"Serves Rancher Fleet's API group behind kube-apiserver, with BundleDeployments computed on read", "8443/tcp"},
	"muster-controller": {"Writes what does not follow from Muster's records: promotions, mirrors, and the rights of agents", "8444/tcp"},
}

func programNames() []string { return slices.Sorted(maps.Keys(programs)) }

// labels returns what the image says about itself. The index has them as annotations.
func (s source) labels(name string) map[string]string {
	const home = "https://github.com/musterfleet/muster"
	out := map[string]string{
		"org.opencontainers.image.title":         name,
		"org.opencontainers.image.description":   programs[name].description,
		"org.opencontainers.image.source":        home,
		"org.opencontainers.image.url":           home,
		"org.opencontainers.image.documentation": home + "/blob/main/docs/install.md",
		"org.opencontainers.image.licenses":      "Apache-2.0",
		"org.opencontainers.image.vendor":        "The Muster Authors",
		"org.opencontainers.image.version":       s.version,
		"org.opencontainers.image.created":       s.made.Format(time.RFC3339),
	}
	if s.revision != "" {
		out["org.opencontainers.image.revision"] = s.revision
	}
	return out
}

// makeImage returns the image of a program for one platform.
func makeImage(s source, name, platform, binary string) (v1.Image, error) {
	certificates, err := layer(authoritiesPath, authorities(), 0o444, s.made)
	if err != nil {
		return nil, err
	}
	code, err := programLayer(binary, name, s.made)
	if err != nil {
		return nil, err
	}
	system, arch, _ := strings.Cut(platform, "/")
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: system, Architecture: arch, Author: "The Muster Authors", Created: v1.Time{Time: s.made},
		RootFS: v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:         user,
			Entrypoint:   []string{"/" + name},
			WorkingDir:   "/",
			Env:          []string{"PATH=/"}, // for kubectl exec POD -- muster-apiserver ...
			ExposedPorts: map[string]struct{}{programs[name].port: {}},
			Labels:       s.labels(name),
		},
	})
	if err != nil {
		return nil, err
	}
	// The authorities come first, because all images share that layer.
	return mutate.Append(image,
		mutate.Addendum{Layer: certificates, History: history(s, "the authorities that Mozilla trusts")},
		mutate.Addendum{Layer: code, History: history(s, fmt.Sprintf("%s %s", name, s.version))})
}

func history(s source, what string) v1.History {
	return v1.History{Author: "The Muster Authors", Created: v1.Time{Time: s.made}, CreatedBy: "make image", Comment: what}
}
