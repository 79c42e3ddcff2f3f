// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// editInstead holds the advice for clients that write what only Muster writes.
var editInstead = map[schema.GroupResource]string{
	v1alpha1.Resource("bundledeployments"): "a BundleDeployment is computed and cannot be written: to change what is deployed, edit the Bundle; " +
		"to choose where, edit the Bundle's targets or the Cluster's labels; to stop it on one Cluster, set spec.paused on the Cluster. " +
		"Agents report through bundledeployments/status",
	v1alpha1.Resource("contents"): "a Content holds the resources of a Bundle, is named after them and is stored with the Bundle: to change what is deployed, edit the Bundle",
	corev1.Resource("namespaces"): "Muster stores no namespaces: a namespace exists as soon as an object is in it",
}

// withComputed answers writes of computed kinds with 405 and what to do instead. The
// endpoints lack these verbs, so that discovery does not announce them. Alone, the API
// machinery would answer 405 without an explanation.
func withComputed(next http.Handler, serializer runtime.NegotiatedSerializer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		info, ok := request.RequestInfoFrom(req.Context())
		if ok && info.IsResourceRequest && info.Subresource == "" && writes(info.Verb) {
			resource := schema.GroupResource{Group: info.APIGroup, Resource: info.Resource}
			if advice, ok := editInstead[resource]; ok {
				refusal := apierrors.NewMethodNotSupported(resource, info.Verb)
				refusal.ErrStatus.Message = advice
				responsewriters.ErrorNegotiated(refusal, serializer, v1alpha1.SchemeGroupVersion, w, req)
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
