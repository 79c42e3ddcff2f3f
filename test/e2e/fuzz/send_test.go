// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"
)

type side struct {
	name   string
	host   string
	client *http.Client
}

func newSide(name string, config *rest.Config) (*side, error) {
	client, err := rest.HTTPClientFor(config)
	return &side{name: name, host: config.Host, client: client}, err
}

type answer struct {
	code int
	body []byte
}

func (a answer) accepted() bool { return a.code/100 == 2 }

// do sends one request. It returns an error only if the server cannot be reached.
func (s *side) do(ctx context.Context, method, path string, body any) (answer, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return answer{}, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, s.host+path, bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", s.name, err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, read}, err
}

// said returns the written part of the object in an answer.
func said(a answer) (map[string]any, error) {
	var read map[string]any
	if err := utiljson.Unmarshal(a.body, &read); err != nil {
		return nil, fmt.Errorf("answer %s: %w", a.body, err)
	}
	delete(read, "status")
	metadata, _ := read["metadata"].(map[string]any)
	for name := range metadata {
		if name != "labels" && name != "annotations" && name != "generation" {
			delete(metadata, name)
		}
	}
	return read, nil
}

// differ returns how two answers to one object differ, or "" if they do not or if the
// difference is intended.
func differ(kind string, sent map[string]any, theirs, ours answer) (string, error) {
	if theirs.code >= 500 || ours.code >= 500 || ours.code == http.StatusNotFound {
		return "a server failed", nil
	}
	if theirs.accepted() != ours.accepted() {
		for _, d := range differences {
			if d.refused && theirs.accepted() && d.of(kind, sent) {
				return "", nil
			}
		}
		return "only one accepts it", nil
	}
	if !theirs.accepted() {
		return "", nil
	}
	a, err := said(theirs)
	if err != nil {
		return "", err
	}
	b, err := said(ours)
	if err != nil {
		return "", err
	}
	for _, d := range differences {
		if d.settle != nil && d.of(kind, sent) {
			d.settle(a)
			d.settle(b)
		}
	}
	if !reflect.DeepEqual(a, b) {
		return "they return different objects", nil
	}
	return "", nil
}

// smaller returns the objects that lack one part of another one.
func smaller(v any) []any {
	var out []any
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			less := maps.Clone(v)
			delete(less, name)
			out = append(out, less)
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			for _, below := range smaller(v[name]) {
				less := maps.Clone(v)
				less[name] = below
				out = append(out, less)
			}
		}
	case []any:
		for i := range v {
			out = append(out, slices.Delete(slices.Clone(v), i, i+1))
		}
		for i := range v {
			for _, below := range smaller(v[i]) {
				less := slices.Clone(v)
				less[i] = below
				out = append(out, less)
			}
		}
	case string:
		if len(v) > 64 {
			out = append(out, v[:len(v)/2])
		}
	}
	return out
}
