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

// acceptedPatchTypes are those of a CRD (S 1.2), in the order in which
// kube-apiserver lists them.
var acceptedPatchTypes = []string{
	string(types.JSONPatchType),
	string(types.MergePatchType),
	string(types.ApplyYAMLPatchType),
}

// withPatchTypes refuses every other type on our group, strategic merge patch
// above all. The API machinery would accept that for any Go type and replace each
// list as a whole, since our types carry no merge keys. A client that is refused
// falls back to a merge patch; one that is not refused loses data.
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

// acceptsPatch reads the header as the patch handler does, with everything after
// a semicolon dropped: a header that is malformed there must not get past us and
// be understood by it.
func acceptsPatch(req *http.Request) bool {
	mediaType, _, _ := strings.Cut(req.Header.Get("Content-Type"), ";")
	return slices.Contains(acceptedPatchTypes, mediaType)
}
