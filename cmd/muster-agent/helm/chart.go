// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

const (
	chartFile = "Chart.yaml"
	// raw is the folder of plain manifests in a generated chart. They are not templates:
	// text in them that looks like a template remains text.
	raw = "raw/"
	// overlays is the folder of a Bundle whose parts are used only if the options name
	// them.
	overlays = "overlays/"
)

// makeChart returns the chart of a Bundle: the chart that the Bundle contains, otherwise
// one that holds its manifests.
func makeChart(name, manifestID string, resources []v1alpha1.BundleResource, options *v1alpha1.BundleDeploymentOptions) (*chart.Chart, error) {
	files, err := filesOf(resources)
	if err != nil {
		return nil, err
	}
	var packed []*archive.BufferedFile
	if dir, found := chartDir(files, options.Helm); found {
		for _, file := range slices.Sorted(maps.Keys(files)) {
			if inner, below := strings.CutPrefix(file, dir); below {
				packed = append(packed, &archive.BufferedFile{Name: inner, Data: files[file]})
			}
		}
	} else if packed, err = wrap(name, manifestID, files, options); err != nil {
		return nil, err
	}
	made, err := loader.LoadFiles(packed)
	if err != nil {
		return nil, fmt.Errorf("the bundle's chart: %w", err)
	}
	return made, made.Validate()
}

// chartDir returns the folder of the chart: the one that the options name, otherwise the
// one nearest to the root.
func chartDir(files map[string][]byte, helm *v1alpha1.HelmOptions) (dir string, found bool) {
	if helm != nil && helm.Chart != "" && helm.Repo == "" {
		dir := path.Clean(helm.Chart) + "/"
		if _, found := files[dir+chartFile]; found {
			return dir, true
		}
	}
	for file := range files {
		if path.Base(file) != chartFile {
			continue
		}
		at := strings.TrimSuffix(file, chartFile)
		if !found || len(at) < len(dir) || len(at) == len(dir) && at < dir {
			dir, found = at, true
		}
	}
	return dir, found
}

// wrap returns the files of a chart that holds manifests.
func wrap(name, manifestID string, files map[string][]byte, options *v1alpha1.BundleDeploymentOptions) ([]*archive.BufferedFile, error) {
	if options.Kustomize != nil {
		return nil, errors.New("the bundle has to be built by kustomize, which muster-agent does not do")
	}
	manifests := map[string][]byte{}
	for file, text := range files {
		if isManifest(file) && !strings.HasPrefix(file, overlays) {
			manifests[file] = text
		}
	}
	if options.YAML != nil {
		for _, each := range options.YAML.Overlays {
			for file, text := range files {
				inner, below := strings.CutPrefix(file, overlays+each+"/")
				if !below || !isManifest(inner) {
					continue
				}
				if strings.Contains(path.Base(inner), "_patch.") {
					return nil, fmt.Errorf("overlay %s patches with %s, which muster-agent does not do: it only replaces", each, inner)
				}
				manifests[inner] = text
			}
		}
	}
	about := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: 0.0.0+%s\n", chartName(name), manifestID)
	packed := []*archive.BufferedFile{{Name: chartFile, Data: []byte(about)}}
	for _, file := range slices.Sorted(maps.Keys(manifests)) {
		packed = append(packed,
			&archive.BufferedFile{Name: raw + file, Data: manifests[file]},
			&archive.BufferedFile{Name: "templates/" + file, Data: fmt.Appendf(nil, "{{ .Files.Get %q }}", raw+file)})
	}
	return packed, nil
}

func isManifest(file string) bool {
	switch path.Ext(file) {
	case ".yaml", ".yml", ".json":
		return path.Base(file) != "fleet.yaml"
	}
	return false
}

// chartName returns a name with only the characters that a chart's name may have.
func chartName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '-'
	}, name)
}

func filesOf(resources []v1alpha1.BundleResource) (map[string][]byte, error) {
	files := map[string][]byte{}
	for i, r := range resources {
		text, err := decode(r)
		if err != nil {
			return nil, fmt.Errorf("resource %s of the bundle: %w", r.Name, err)
		}
		name := r.Name
		if name == "" {
			name = fmt.Sprintf("manifest-%d.yaml", i)
		}
		files[name] = text
	}
	return files, nil
}

func decode(r v1alpha1.BundleResource) ([]byte, error) {
	switch r.Encoding {
	case "":
		return []byte(r.Content), nil
	case "base64", "base64+gz":
	default:
		return nil, fmt.Errorf("encoding %q is not known", r.Encoding)
	}
	data, err := base64.StdEncoding.DecodeString(r.Content)
	if err != nil || r.Encoding == "base64" {
		return data, err
	}
	unzip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	const most = 256 << 20
	text, err := io.ReadAll(io.LimitReader(unzip, most+1))
	if err == nil && len(text) > most {
		err = fmt.Errorf("unpacks to more than %d bytes", most)
	}
	return text, err
}
