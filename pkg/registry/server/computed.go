// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/kinds"
)

// editInstead is what to tell who tries to write what is computed.
const editInstead = "a BundleDeployment is computed and cannot be written: to change what is deployed, edit the Bundle; " +
	"to choose where, edit the Bundle's targets or the Cluster's labels; to stop it on one Cluster, set spec.paused on the Cluster. " +
	"Agents report through bundledeployments/status"

// withComputed answers writes of computed kinds with 405 and what to do instead.
// The endpoints have no such verbs, so that discovery does not announce them;
// left to itself the API machinery would answer 405 without a word.
func withComputed(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	gv := v1alpha1.SchemeGroupVersion
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := request.RequestInfoFrom(req.Context())
		if ok && info.IsResourceRequest && info.APIGroup == gv.Group && info.Subresource == "" && writes(info.Verb) {
			if kind := kinds.ByResource(info.Resource); kind != nil && kind.Computed {
				refusal := apierrors.NewMethodNotSupported(kind.GroupResource(), info.Verb)
				refusal.ErrStatus.Message = editInstead
				responsewriters.ErrorNegotiated(refusal, serializer, gv, w, req)
				return
			}
		}
		next.ServeHTTP(w, req)
	})
}

func writes(verb string) bool {
	switch verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return true
	}
	return false
}
