// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// acceptedPatchTypes are those of a CRD (S 1.2), in the order of kube-apiserver's lists.
var acceptedPatchTypes = []string{string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType)}

// withPatchTypes refuses every other patch type on our group, above all strategic merge
// patch. The API machinery would accept it for any Go type and replace each list as a
// whole, because our types have no merge keys. A client that gets the refusal falls back to
// a merge patch; otherwise it would lose data.
func withPatchTypes(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	gv := v1alpha1.SchemeGroupVersion
	refusal := negotiation.NewUnsupportedMediaTypeError(acceptedPatchTypes)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := request.RequestInfoFrom(req.Context())
		if ok && info.IsResourceRequest && info.Verb == "patch" && info.APIGroup == gv.Group && !acceptsPatch(req) {
			responsewriters.ErrorNegotiated(refusal, serializer, gv, w, req)
			return
		}
		next.ServeHTTP(w, req)
	})
}

// acceptsPatch reads the header like the patch handler, which drops everything after a
// semicolon. So a header that is malformed there cannot pass this check and yet be
// understood by the handler.
func acceptsPatch(req *http.Request) bool {
	mediaType, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	return slices.Contains(acceptedPatchTypes, mediaType)
}
