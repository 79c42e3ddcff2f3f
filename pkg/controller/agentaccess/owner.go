// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Resources of the fleet's API group whose objects own others.
const (
	registrations = "clusterregistrations"
	tokens        = "clusterregistrationtokens"
)

// ownerAnnotation is on each object that is made here. It says
// RESOURCE/NAMESPACE/NAME/UID: the owner's UID tells what belonged to one that is
// gone from what belongs to one of its name.
//
// It is not an owner reference: those do not lead from one namespace to another, and
// their collector decides by caches of its own.
const ownerAnnotation = "muster.fleet.cattle.io/owner"

// owner is whom objects are made for; it is also the key that is worked on.
type owner struct {
	resource string
	name     record.Name
}

func (o owner) String() string { return o.resource + "/" + o.name.Namespace + "/" + o.name.Name }

// mark is the annotation's value.
func mark(resource string, owner metav1.Object) string {
	return strings.Join([]string{resource, owner.GetNamespace(), owner.GetName(), string(owner.GetUID())}, "/")
}

// ownerOf reads whom an object belongs to. The UID is "" if the object does not say,
// as those that Fleet made. ok is false for what is none of our business.
func ownerOf(object metav1.Object) (o owner, uid types.UID, ok bool) {
	notes := object.GetAnnotations()
	if object.GetLabels()[v1alpha1.LabelManaged] != "true" {
		return owner{}, "", false
	}
	if mark, found := notes[ownerAnnotation]; found {
		parts := strings.Split(mark, "/")
		if len(parts) != 4 {
			return owner{}, "", false
		}
		return owner{parts[0], record.Name{Namespace: parts[1], Name: parts[2]}}, types.UID(parts[3]), true
	}
	named := func(resource, namespace, name string) (owner, types.UID, bool) {
		return owner{resource, record.Name{Namespace: notes[namespace], Name: notes[name]}}, "", notes[namespace] != "" && notes[name] != ""
	}
	if notes[v1alpha1.LabelClusterRegistration] != "" {
		return named(registrations, v1alpha1.LabelClusterRegistrationNamespace, v1alpha1.LabelClusterRegistration)
	}
	if object.GetNamespace() == "" {
		return named(record.Clusters, v1alpha1.LabelClusterNamespace, v1alpha1.LabelCluster)
	}
	return owner{}, "", false
}
