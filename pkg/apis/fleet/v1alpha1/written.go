// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "github.com/musterfleet/muster/pkg/apis/fleet/schema"

// Written is an object of a kind that clients write. Its JSON is what the client wrote: the
// fields of the object, and the edits of the form.
//
// +k8s:deepcopy-gen=false
type Written interface {
	// Form returns a pointer to the form of the object.
	Form() *schema.Form
	// Plain returns the same object as a pointer to a type whose JSON holds the fields
	// alone.
	Plain() any
}

// unmarshal reads an object and records how it is written.
func unmarshal(o Written, text []byte) (err error) {
	*o.Form(), err = schema.Unmarshal(text, o.Plain())
	return err
}

// Form implements Written.
func (o *Bundle) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Bundle) Plain() any { type plain Bundle; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o Bundle) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *Bundle) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *BundleNamespaceMapping) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *BundleNamespaceMapping) Plain() any { type plain BundleNamespaceMapping; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o BundleNamespaceMapping) MarshalJSON() ([]byte, error) {
	return schema.Marshal(o.Plain(), o.Written)
}

// UnmarshalJSON reads the object and records how it is written.
func (o *BundleNamespaceMapping) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *Cluster) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Cluster) Plain() any { type plain Cluster; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o Cluster) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *Cluster) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *ClusterGroup) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterGroup) Plain() any { type plain ClusterGroup; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o ClusterGroup) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *ClusterGroup) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *ClusterRegistration) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterRegistration) Plain() any { type plain ClusterRegistration; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o ClusterRegistration) MarshalJSON() ([]byte, error) {
	return schema.Marshal(o.Plain(), o.Written)
}

// UnmarshalJSON reads the object and records how it is written.
func (o *ClusterRegistration) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *ClusterRegistrationToken) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ClusterRegistrationToken) Plain() any {
	type plain ClusterRegistrationToken
	return (*plain)(o)
}

// MarshalJSON returns the JSON that the client wrote.
func (o ClusterRegistrationToken) MarshalJSON() ([]byte, error) {
	return schema.Marshal(o.Plain(), o.Written)
}

// UnmarshalJSON reads the object and records how it is written.
func (o *ClusterRegistrationToken) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *GitRepo) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *GitRepo) Plain() any { type plain GitRepo; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o GitRepo) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *GitRepo) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *GitRepoRestriction) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *GitRepoRestriction) Plain() any { type plain GitRepoRestriction; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o GitRepoRestriction) MarshalJSON() ([]byte, error) {
	return schema.Marshal(o.Plain(), o.Written)
}

// UnmarshalJSON reads the object and records how it is written.
func (o *GitRepoRestriction) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *HelmOp) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *HelmOp) Plain() any { type plain HelmOp; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o HelmOp) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *HelmOp) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *ImageScan) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *ImageScan) Plain() any { type plain ImageScan; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o ImageScan) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *ImageScan) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *Policy) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Policy) Plain() any { type plain Policy; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o Policy) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *Policy) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }

// Form implements Written.
func (o *Schedule) Form() *schema.Form { return &o.Written }

// Plain implements Written.
func (o *Schedule) Plain() any { type plain Schedule; return (*plain)(o) }

// MarshalJSON returns the JSON that the client wrote.
func (o Schedule) MarshalJSON() ([]byte, error) { return schema.Marshal(o.Plain(), o.Written) }

// UnmarshalJSON reads the object and records how it is written.
func (o *Schedule) UnmarshalJSON(text []byte) error { return unmarshal(o, text) }
