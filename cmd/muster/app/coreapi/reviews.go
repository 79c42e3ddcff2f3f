// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package coreapi

import (
	"fmt"
	"io"
	"net/http"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/mux"
)

// reviewCodecs read and write the reviews below.
var reviewCodecs = func() serializer.CodecFactory {
	scheme := runtime.NewScheme()
	utilruntime.Must(authenticationv1.AddToScheme(scheme))
	utilruntime.Must(authorizationv1.AddToScheme(scheme))
	return serializer.NewCodecFactory(scheme)
}()

// maxReviewBytes is far more than a review needs.
const maxReviewBytes = 1 << 20

// InstallReviews serves the reviews of "kubectl auth": the caller's name and groups, and
// the caller's rights. They are plain handlers and not resources: nothing is stored, and
// discovery shows no groups that are not ours.
func InstallReviews(paths *mux.PathRecorderMux, access authorizer.Authorizer) {
	authentication, authorization := authenticationv1.SchemeGroupVersion, authorizationv1.SchemeGroupVersion
	paths.UnlistedHandle("/apis/authentication.k8s.io/v1/selfsubjectreviews",
		review(authentication, func(_ *http.Request, caller user.Info, r *authenticationv1.SelfSubjectReview) error {
			r.Status.UserInfo = authenticationv1.UserInfo{Username: caller.GetName(), UID: caller.GetUID(), Groups: caller.GetGroups()}
			for key, values := range caller.GetExtra() {
				if r.Status.UserInfo.Extra == nil {
					r.Status.UserInfo.Extra = map[string]authenticationv1.ExtraValue{}
				}
				r.Status.UserInfo.Extra[key] = values
			}
			return nil
		}))
	paths.UnlistedHandle("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		review(authorization, func(req *http.Request, caller user.Info, r *authorizationv1.SelfSubjectAccessReview) error {
			asked, err := attributesOf(caller, &r.Spec)
			if err != nil {
				return err
			}
			decision, reason, err := access.Authorize(req.Context(), asked)
			r.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: decision == authorizer.DecisionAllow, Denied: decision == authorizer.DecisionDeny, Reason: reason}
			if err != nil {
				r.Status.EvaluationError = err.Error()
			}
			return nil
		}))
	paths.UnlistedHandle("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
		review(authorization, func(req *http.Request, caller user.Info, r *authorizationv1.SelfSubjectRulesReview) error {
			r.Status.ResourceRules, r.Status.NonResourceRules = []authorizationv1.ResourceRule{}, []authorizationv1.NonResourceRule{}
			// The only rule allows everything; other callers have none.
			everything := authorizer.AttributesRecord{User: caller, Verb: "*", APIGroup: "*", APIVersion: "*", Resource: "*", ResourceRequest: true}
			if decision, _, err := access.Authorize(req.Context(), everything); err == nil && decision == authorizer.DecisionAllow {
				all := []string{"*"}
				r.Status.ResourceRules = append(r.Status.ResourceRules, authorizationv1.ResourceRule{Verbs: all, APIGroups: all, Resources: all})
				r.Status.NonResourceRules = append(r.Status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: all, NonResourceURLs: all})
			}
			return nil
		}))
}

// attributesOf returns the request that the review asks about.
func attributesOf(caller user.Info, spec *authorizationv1.SelfSubjectAccessReviewSpec) (authorizer.AttributesRecord, error) {
	switch resource, path := spec.ResourceAttributes, spec.NonResourceAttributes; {
	case resource != nil && path == nil:
		return authorizer.AttributesRecord{
			User: caller, Verb: resource.Verb, Namespace: resource.Namespace, APIGroup: resource.Group, APIVersion: resource.Version,
			Resource: resource.Resource, Subresource: resource.Subresource, Name: resource.Name, ResourceRequest: true,
		}, nil
	case path != nil && resource == nil:
		return authorizer.AttributesRecord{User: caller, Verb: path.Verb, Path: path.Path}, nil
	}
	return authorizer.AttributesRecord{}, apierrors.NewBadRequest("set one of spec.resourceAttributes and spec.nonResourceAttributes")
}

// review returns an endpoint that completes the object in the request and sends it back.
func review[T any, P interface {
	*T
	runtime.Object
}](gv schema.GroupVersion, complete func(*http.Request, user.Info, P) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		answer, err := func() (P, error) {
			caller, ok := request.UserFrom(req.Context())
			if !ok {
				return nil, apierrors.NewUnauthorized("the request has no user")
			}
			if req.Method != http.MethodPost {
				return nil, apierrors.NewMethodNotSupported(schema.GroupResource{Group: gv.Group, Resource: "reviews"}, req.Method)
			}
			body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxReviewBytes))
			if err != nil {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("the review cannot be read: %v", err))
			}
			asked := P(new(T))
			if err := runtime.DecodeInto(reviewCodecs.UniversalDeserializer(), body, asked); err != nil {
				return nil, apierrors.NewBadRequest(fmt.Sprintf("the review cannot be read: %v", err))
			}
			return asked, complete(req, caller, asked)
		}()
		if err != nil {
			responsewriters.ErrorNegotiated(err, reviewCodecs, gv, w, req)
			return
		}
		responsewriters.WriteObjectNegotiated(reviewCodecs, negotiation.DefaultEndpointRestrictions, gv, w, req, http.StatusCreated, answer, false)
	})
}
