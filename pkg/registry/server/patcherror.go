// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// withPatchErrors shortens the API machinery's answer to a patch that gives an unreadable
// object. That answer repeats the whole object, which for a Bundle may be megabytes on a
// terminal, and does not name it. The usual cause is a typing error in a file for "kubectl
// apply".
func withPatchErrors(next http.Handler) http.Handler {
	gv := v1alpha1.SchemeGroupVersion
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := request.RequestInfoFrom(req.Context())
		if !ok || !info.IsResourceRequest || info.Verb != "patch" || info.APIGroup != gv.Group {
			next.ServeHTTP(w, req)
			return
		}
		held := &invalidHolder{ResponseWriter: w}
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(held), req)
		held.release(func(status *metav1.Status) bool { return namePatchedObject(status, info) || blamePatch(status, info) })
	})
}

// namePatchedObject replaces the object's content with its name. It returns false if the
// status is about something else.
func namePatchedObject(status *metav1.Status, info *request.RequestInfo) bool {
	if status.Reason != metav1.StatusReasonInvalid || status.Details == nil || len(status.Details.Causes) != 1 {
		return false
	}
	cause := &status.Details.Causes[0]
	content, isValue := strings.CutPrefix(cause.Message, "Invalid value: ")
	if cause.Field != "patch" || !isValue {
		return false
	}
	quoted, err := strconv.QuotedPrefix(content)
	if err != nil {
		return false
	}
	cause.Message = strings.TrimPrefix(content[len(quoted):], ": ")
	status.Details.Group, status.Details.Name = info.APIGroup, info.Name
	if kind := kinds.ByResource(info.Resource); kind != nil {
		status.Details.Kind = kind.Kind
	}
	status.Message = status.Details.Kind + "." + info.APIGroup + " " + strconv.Quote(info.Name) + " is invalid: patch: " + cause.Message
	return true
}

// notOfItsSchema holds the beginnings of the API machinery's errors for an apply whose
// object does not match the schema.
var notOfItsSchema = []string{"failed to create typed patch object", "failed to convert new object"}

// blamePatch turns the error into one about an invalid object if an apply does not match
// the schema, which the API machinery reports as a failure of the server. It returns false
// if the status is about something else.
func blamePatch(status *metav1.Status, info *request.RequestInfo) bool {
	if status.Code != http.StatusInternalServerError || !slices.ContainsFunc(notOfItsSchema, func(begins string) bool { return strings.HasPrefix(status.Message, begins) }) {
		return false
	}
	status.Code, status.Reason = http.StatusUnprocessableEntity, metav1.StatusReasonInvalid
	status.Details = &metav1.StatusDetails{Group: info.APIGroup, Name: info.Name, Causes: []metav1.StatusCause{{
		Type: metav1.CauseTypeFieldValueInvalid, Field: "patch", Message: status.Message,
	}}}
	if kind := kinds.ByResource(info.Resource); kind != nil {
		status.Details.Kind = kind.Kind
	}
	return true
}

// invalidHolder holds back an answer 422 or 500, and passes on everything else.
type invalidHolder struct {
	http.ResponseWriter
	// code is the code of the answer that it holds, 0 if it holds none.
	code int
	body bytes.Buffer
}

var _ responsewriter.UserProvidedDecorator = (*invalidHolder)(nil)

// Unwrap implements responsewriter.UserProvidedDecorator.
func (h *invalidHolder) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (h *invalidHolder) WriteHeader(code int) {
	if code == http.StatusUnprocessableEntity || code == http.StatusInternalServerError {
		h.code = code
		return
	}
	h.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (h *invalidHolder) Write(data []byte) (int, error) {
	if h.code != 0 {
		return h.body.Write(data)
	}
	return h.ResponseWriter.Write(data)
}

// release sends a held answer with its status edited. An answer that it cannot parse is
// sent unchanged.
func (h *invalidHolder) release(edit func(*metav1.Status) bool) {
	if h.code == 0 {
		return
	}
	body, header := h.body.Bytes(), h.Header()
	if status, err := readStatus(body, header); err == nil && edit(status) {
		if edited, err := json.Marshal(status); err == nil {
			body, h.code = edited, int(status.Code)
			header.Del("Content-Encoding")
			header.Del("Content-Length")
		}
	}
	h.ResponseWriter.WriteHeader(h.code)
	// If this fails, the client is gone.
	_, _ = h.ResponseWriter.Write(body)
}

var errNotJSON = errors.New("not JSON")

// readStatus parses an answer of the API machinery, which compresses long ones.
func readStatus(body []byte, header http.Header) (*metav1.Status, error) {
	if mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";"); mediaType != "application/json" {
		return nil, errNotJSON
	}
	if header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		if body, err = io.ReadAll(reader); err != nil {
			return nil, err
		}
	}
	status := new(metav1.Status)
	return status, json.Unmarshal(body, status)
}
