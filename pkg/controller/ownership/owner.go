// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Registrations is the resource of ClusterRegistrations.
const Registrations = "clusterregistrations"

// Annotation is on each object that is made here. Its value is RESOURCE/NAMESPACE/NAME/UID
// of the owner: by the UID, an object of an owner that is gone differs from an object of
// the next one of its name.
const Annotation = "muster.fleet.cattle.io/owner"

// Owner names an object of the fleet's API that owns objects of the core API.
type Owner struct {
	Resource string
	Name     record.Name
}

// String returns RESOURCE/NAMESPACE/NAME.
func (o Owner) String() string { return o.Resource + "/" + o.Name.Namespace + "/" + o.Name.Name }

// Mark returns the value of Annotation for what an owner has.
func Mark(resource string, owner metav1.Object) string {
	return strings.Join([]string{resource, owner.GetNamespace(), owner.GetName(), string(owner.GetUID())}, "/")
}

// Meta returns the metadata of a managed object with a mark.
func Meta(namespace, name, mark string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		Labels:      map[string]string{v1alpha1.LabelManaged: "true"},
		Annotations: map[string]string{Annotation: mark},
	}
}

// Of returns the owner of an object. The UID is "" where the object does not name it, as
// on objects that Fleet made. It returns false for an object that has no owner of ours.
func Of(object metav1.Object) (o Owner, uid types.UID, ok bool) {
	notes := object.GetAnnotations()
	if object.GetLabels()[v1alpha1.LabelManaged] != "true" {
		return Owner{}, "", false
	}
	if mark, found := notes[Annotation]; found {
		parts := strings.Split(mark, "/")
		if len(parts) != 4 {
			return Owner{}, "", false
		}
		return Owner{parts[0], record.Name{Namespace: parts[1], Name: parts[2]}}, types.UID(parts[3]), true
	}
	named := func(resource, namespace, name string) (Owner, types.UID, bool) {
		return Owner{resource, record.Name{Namespace: notes[namespace], Name: notes[name]}}, "", notes[namespace] != "" && notes[name] != ""
	}
	if notes[v1alpha1.LabelClusterRegistration] != "" {
		return named(Registrations, v1alpha1.LabelClusterRegistrationNamespace, v1alpha1.LabelClusterRegistration)
	}
	if object.GetNamespace() == "" {
		return named(record.Clusters, v1alpha1.LabelClusterNamespace, v1alpha1.LabelCluster)
	}
	return Owner{}, "", false
}
