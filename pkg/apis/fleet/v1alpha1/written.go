// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "github.com/musterfleet/muster/pkg/apis/fleet/schema"

// Written is an object of a kind that people write. Its JSON is what was written: the
// fields of the object, and what the form beside them says.
//
// +k8s:deepcopy-gen=false
type Written interface {
	// Form points to how the object was written.
	Form() *schema.Form
	// Plain returns the same object as a pointer to a type whose JSON is that of the
	// fields alone.
	Plain() any
}

var (
	_ Written = (*Bundle)(nil)
	_ Written = (*BundleNamespaceMapping)(nil)
	_ Written = (*Cluster)(nil)
	_ Written = (*ClusterGroup)(nil)
	_ Written = (*ClusterRegistration)(nil)
	_ Written = (*ClusterRegistrationToken)(nil)
	_ Written = (*GitRepo)(nil)
	_ Written = (*GitRepoRestriction)(nil)
	_ Written = (*HelmOp)(nil)
	_ Written = (*ImageScan)(nil)
	_ Written = (*Policy)(nil)
	_ Written = (*Schedule)(nil)
)

type plainBundle Bundle

// Form implements Written.
func (o *Bundle) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Bundle) Plain() any { return (*plainBundle)(o) }

// MarshalJSON writes what was written.
func (o Bundle) MarshalJSON() ([]byte, error) { return schema.Marshal((*plainBundle)(&o), o.Written) }

// UnmarshalJSON reads the object, and how it is written.
func (o *Bundle) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainBundle)(o))
	return err
}

type plainBundleNamespaceMapping BundleNamespaceMapping

// Form implements Written.
func (o *BundleNamespaceMapping) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *BundleNamespaceMapping) Plain() any { return (*plainBundleNamespaceMapping)(o) }

// MarshalJSON writes what was written.
func (o BundleNamespaceMapping) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainBundleNamespaceMapping)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *BundleNamespaceMapping) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainBundleNamespaceMapping)(o))
	return err
}

type plainCluster Cluster

// Form implements Written.
func (o *Cluster) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Cluster) Plain() any { return (*plainCluster)(o) }

// MarshalJSON writes what was written.
func (o Cluster) MarshalJSON() ([]byte, error) { return schema.Marshal((*plainCluster)(&o), o.Written) }

// UnmarshalJSON reads the object, and how it is written.
func (o *Cluster) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainCluster)(o))
	return err
}

type plainClusterGroup ClusterGroup

// Form implements Written.
func (o *ClusterGroup) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterGroup) Plain() any { return (*plainClusterGroup)(o) }

// MarshalJSON writes what was written.
func (o ClusterGroup) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainClusterGroup)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *ClusterGroup) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainClusterGroup)(o))
	return err
}

type plainClusterRegistration ClusterRegistration

// Form implements Written.
func (o *ClusterRegistration) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterRegistration) Plain() any { return (*plainClusterRegistration)(o) }

// MarshalJSON writes what was written.
func (o ClusterRegistration) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainClusterRegistration)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *ClusterRegistration) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainClusterRegistration)(o))
	return err
}

type plainClusterRegistrationToken ClusterRegistrationToken

// Form implements Written.
func (o *ClusterRegistrationToken) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterRegistrationToken) Plain() any { return (*plainClusterRegistrationToken)(o) }

// MarshalJSON writes what was written.
func (o ClusterRegistrationToken) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainClusterRegistrationToken)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *ClusterRegistrationToken) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainClusterRegistrationToken)(o))
	return err
}

type plainGitRepo GitRepo

// Form implements Written.
func (o *GitRepo) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *GitRepo) Plain() any { return (*plainGitRepo)(o) }

// MarshalJSON writes what was written.
func (o GitRepo) MarshalJSON() ([]byte, error) { return schema.Marshal((*plainGitRepo)(&o), o.Written) }

// UnmarshalJSON reads the object, and how it is written.
func (o *GitRepo) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainGitRepo)(o))
	return err
}

type plainGitRepoRestriction GitRepoRestriction

// Form implements Written.
func (o *GitRepoRestriction) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *GitRepoRestriction) Plain() any { return (*plainGitRepoRestriction)(o) }

// MarshalJSON writes what was written.
func (o GitRepoRestriction) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainGitRepoRestriction)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *GitRepoRestriction) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainGitRepoRestriction)(o))
	return err
}

type plainHelmOp HelmOp

// Form implements Written.
func (o *HelmOp) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *HelmOp) Plain() any { return (*plainHelmOp)(o) }

// MarshalJSON writes what was written.
func (o HelmOp) MarshalJSON() ([]byte, error) { return schema.Marshal((*plainHelmOp)(&o), o.Written) }

// UnmarshalJSON reads the object, and how it is written.
func (o *HelmOp) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainHelmOp)(o))
	return err
}

type plainImageScan ImageScan

// Form implements Written.
func (o *ImageScan) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ImageScan) Plain() any { return (*plainImageScan)(o) }

// MarshalJSON writes what was written.
func (o ImageScan) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainImageScan)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *ImageScan) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainImageScan)(o))
	return err
}

type plainPolicy Policy

// Form implements Written.
func (o *Policy) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Policy) Plain() any { return (*plainPolicy)(o) }

// MarshalJSON writes what was written.
func (o Policy) MarshalJSON() ([]byte, error) { return schema.Marshal((*plainPolicy)(&o), o.Written) }

// UnmarshalJSON reads the object, and how it is written.
func (o *Policy) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainPolicy)(o))
	return err
}

type plainSchedule Schedule

// Form implements Written.
func (o *Schedule) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Schedule) Plain() any { return (*plainSchedule)(o) }

// MarshalJSON writes what was written.
func (o Schedule) MarshalJSON() ([]byte, error) {
	return schema.Marshal((*plainSchedule)(&o), o.Written)
}

// UnmarshalJSON reads the object, and how it is written.
func (o *Schedule) UnmarshalJSON(text []byte) (err error) {
	o.Written, err = schema.Unmarshal(text, (*plainSchedule)(o))
	return err
}
