// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

const (
	group    = "fleet.cattle.io"
	api      = "/apis/" + group + "/v1alpha1"
	patience = 30 * time.Second
)

// request is a raw HTTP request, because a client library would not send some of them.
type request struct {
	method string // GET if empty
	path   string
	kind   string // Content-Type; JSON if empty
	body   string
	header http.Header
	// as is the path of an object that becomes the body. It is read for each request, because
	// an object that was read earlier could conflict with other writers.
	as string
}

const (
	mergePatch = "application/merge-patch+json"
	jsonPatch  = "application/json-patch+json"
	applyPatch = "application/apply-patch+yaml"
)

type answer struct {
	code  int
	proto string
	body  string
}

func (a answer) message() string {
	var status struct{ Message string }
	_ = json.Unmarshal([]byte(a.body), &status) // not every answer is a Status
	return status.Message
}

// ask sends a request and returns the answer. For a watch that is accepted, it reads only
// the header.
func ask(t cluster.T, config *rest.Config, r request) answer {
	t.Helper()
	a, err := try(t.Context(), config, r)
	require.NoError(t, err)
	return a
}

func try(ctx context.Context, config *rest.Config, r request) (answer, error) {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return answer{}, err
	}
	if r.as != "" {
		now, err := try(ctx, control.Config, request{path: r.as})
		if err != nil {
			return answer{}, err
		}
		r.body = now.body
	}
	if config.WrapTransport != nil || config.Dial != nil {
		defer client.CloseIdleConnections() // no other request uses this client
	}
	return send(ctx, client, config.Host, r)
}

func send(ctx context.Context, client *http.Client, host string, r request) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sent, err := http.NewRequestWithContext(ctx, r.method, host+r.path, strings.NewReader(r.body))
	if err != nil {
		return answer{}, err
	}
	maps.Copy(sent.Header, r.header)
	if r.body != "" {
		sent.Header.Set("Content-Type", "application/json")
		if r.kind != "" {
			sent.Header.Set("Content-Type", r.kind)
		}
	}
	response, err := client.Do(sent)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	a := answer{code: response.StatusCode, proto: response.Proto}
	watch := strings.Contains(r.path, "watch=true") || strings.Contains(r.path, "/watch/")
	if watch && a.code == http.StatusOK {
		return a, nil
	}
	body, err := io.ReadAll(response.Body)
	a.body = string(body)
	return a, err
}

// way is a path from a client to Muster.
type way struct {
	name string
	to   func(*rest.Config) *rest.Config
}

const (
	aggregated = "through the aggregation layer"
	straight   = "straight at a replica"
)

func ways() []way {
	return []way{{aggregated, rest.CopyConfig}, {straight, muster.Replicas()[0].Direct}}
}

// object holds the fields of an object that tests read.
type object struct {
	Metadata struct {
		Name, Namespace, ResourceVersion, UID string
		Generation                            int64
		Labels, Annotations                   map[string]string
		Continue                              string
		OwnerReferences                       []any
		Finalizers                            []string
	}
	Spec   map[string]any
	Status map[string]any
	Items  []object
}

func parse(t cluster.T, a answer) object {
	t.Helper()
	require.Equal(t, http.StatusOK, a.code, a.body)
	var o object
	require.NoError(t, json.Unmarshal([]byte(a.body), &o), a.body)
	return o
}
