// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// BasicRights are those that Kubernetes gives to each ServiceAccount, as Rights returns them.
var BasicRights = []string{
	"get,list,watch clustertrustbundles.certificates.k8s.io",
	"create selfsubjectaccessreviews.authorization.k8s.io",
	"create selfsubjectreviews.authentication.k8s.io",
	"create selfsubjectrulesreviews.authorization.k8s.io",
}

// Rights returns the rights of a client in a namespace, sorted, as "VERBS RESOURCE.GROUP
// named NAMES", and the review that it reads, like "kubectl auth can-i --list".
func Rights(ctx context.Context, config *rest.Config, namespace string) ([]string, authorizationv1.SubjectRulesReviewStatus, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, authorizationv1.SubjectRulesReviewStatus{}, err
	}
	review, err := client.AuthorizationV1().SelfSubjectRulesReviews().Create(ctx,
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return nil, authorizationv1.SubjectRulesReviewStatus{}, err
	}
	var rights []string
	for _, rule := range review.Status.ResourceRules {
		verbs := strings.Join(slices.Sorted(slices.Values(rule.Verbs)), ",")
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				right := strings.TrimSuffix(verbs+" "+resource+"."+group, ".")
				if len(rule.ResourceNames) > 0 {
					right += " named " + strings.Join(rule.ResourceNames, ",")
				}
				rights = append(rights, right)
			}
		}
	}
	slices.Sort(rights)
	return slices.Compact(rights), review.Status, nil
}
