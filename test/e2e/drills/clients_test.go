// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package drills

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

// The two sorts of clients.
const (
	raw      = "raw"
	retrying = "client-go"
)

// patience is the time after which a client gives up a request.
const patience = 15 * time.Second

// outcome describes how a request ended for its client.
type outcome struct {
	// failure is a code or a word; empty if the request succeeded.
	failure string
	// detail is the text of the answer to a failed request.
	detail string
	// wrong says what is wrong with an answer that is not a failure.
	wrong string
	// unmarked is an answer of an API server that may be retried and does not say when.
	unmarked string
}

// crossed reports whether a write reached a replica's connection when the replica closed it
// in good order. kube-apiserver's proxy cannot send a request again whose body it has passed
// on, and no server can prevent that: Go's servers announce the end of a connection once
// (GOAWAY), and take no request that arrives after that. Which of two errors the proxy returns
// depends on whether its connection or its transport notices first.
func (o outcome) crossed() bool {
	return strings.Contains(o.detail, "graceful shutdown GOAWAY") || strings.Contains(o.detail, "cannot rewind body after connection loss")
}

// ask is a request that a client sends again and again; n counts them.
type ask struct {
	sort, verb string
	send       func(ctx context.Context, n int) outcome
}

// asks returns the requests of all clients. Each writer has Clusters of its own.
func asks(t cluster.T, f fleet) []ask {
	t.Helper()
	client, err := rest.HTTPClientFor(cluster.Unshared(control.Config))
	require.NoError(t, err)
	all := control.Config.Host + groupPath
	send := func(ctx context.Context, method, path, body string) (outcome, []byte) {
		request, err := http.NewRequestWithContext(ctx, method, all+path, strings.NewReader(body))
		if err != nil {
			return outcome{failure: err.Error()}, nil
		}
		request.Header.Set("Content-Type", "application/merge-patch+json")
		return judge(client.Do(request))
	}
	deployment := func(n int) (home, path string) {
		home = f.homes[n%f.clusters]
		return home, "/namespaces/" + home + "/bundledeployments/" + bundleName(n%f.bundles)
	}
	api := clientset(t, control.Config).FleetV1alpha1()
	return []ask{
		{raw, "GET", func(ctx context.Context, n int) outcome {
			_, path := deployment(n)
			out, _ := send(ctx, http.MethodGet, path, "")
			return out
		}},
		{raw, "LIST", func(ctx context.Context, n int) outcome {
			out, body := send(ctx, http.MethodGet, "/namespaces/"+f.homes[n%f.clusters]+"/bundledeployments", "")
			var list metav1.PartialObjectMetadataList
			if out.failure == "" {
				if err := json.Unmarshal(body, &list); err != nil || len(list.Items) != f.bundles {
					out.wrong = fmt.Sprintf("a list has %d BundleDeployments, not %d (%v)", len(list.Items), f.bundles, err)
				}
			}
			return out
		}},
		{raw, "PATCH", func(ctx context.Context, n int) outcome {
			out, _ := send(ctx, http.MethodPatch, "/namespaces/"+f.namespace+"/clusters/"+clusterName(n%2), label(n))
			return out
		}},
		{retrying, "GET", func(ctx context.Context, n int) outcome {
			home, _ := deployment(n)
			_, err := api.BundleDeployments(home).Get(ctx, bundleName(n%f.bundles), metav1.GetOptions{})
			return failed(err)
		}},
		{retrying, "LIST", func(ctx context.Context, n int) outcome {
			list, err := api.BundleDeployments(f.homes[n%f.clusters]).List(ctx, metav1.ListOptions{})
			out := failed(err)
			if err == nil && len(list.Items) != f.bundles {
				out.wrong = fmt.Sprintf("a list has %d BundleDeployments, not %d", len(list.Items), f.bundles)
			}
			return out
		}},
		{retrying, "PATCH", func(ctx context.Context, n int) outcome {
			_, err := api.Clusters(f.namespace).Patch(ctx, clusterName(2+n%2), types.MergePatchType, []byte(label(n)), metav1.PatchOptions{})
			return failed(err)
		}},
	}
}

func label(n int) string { return `{"metadata":{"labels":{"count":"` + strconv.Itoa(n) + `"}}}` }

// judge reads an answer to a raw client. All objects that it asks for exist.
func judge(response *http.Response, err error) (outcome, []byte) {
	if err != nil {
		return outcome{failure: word(err), detail: err.Error()}, nil
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return outcome{failure: word(err), detail: err.Error()}, nil
	case response.StatusCode < http.StatusBadRequest:
		return outcome{}, body
	}
	out := outcome{failure: strconv.Itoa(response.StatusCode), detail: string(body)}
	if response.StatusCode == http.StatusNotFound {
		out.wrong = string(body)
	}
	// kube-apiserver's proxy refuses in plain text and sets no header. API servers send a
	// Status. Another try does not help where etcd is full.
	mayRetry := response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests
	if text := string(body); mayRetry && strings.Contains(text, `"kind":"Status"`) && !strings.Contains(text, "etcd is full") && response.Header.Get("Retry-After") == "" {
		out.unmarked = fmt.Sprintf("%s %s: %s", response.Request.Method, response.Request.URL.Path, body)
	}
	return out, body
}

// failed judges an error of client-go's, after its own retries.
func failed(err error) outcome {
	if err == nil {
		return outcome{}
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return outcome{failure: word(err), detail: err.Error()}
	}
	out := outcome{failure: strconv.Itoa(int(status.Status().Code)), detail: err.Error()}
	if details := status.Status().Details; details != nil {
		for _, cause := range details.Causes {
			out.detail += ": " + cause.Message // the text of an answer that is no Status
		}
	}
	if apierrors.IsNotFound(err) && strings.Contains(err.Error(), `"`) { // it names an object
		out.wrong = err.Error()
	}
	return out
}

func word(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "connection broke"
}
