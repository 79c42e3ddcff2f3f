// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/schema"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// APIObject is an object of any kind of the group, as an object record holds it.
type APIObject interface {
	runtime.Object
	metav1.Object
}

// Object is the object record: a user's object without its status, and the facts that
// were recorded together with it.
type Object struct {
	// Object has an empty status and no resourceVersion. A Bundle has no spec.resources:
	// those are the manifest that Content names. The form in which the object was written
	// (schema.Form) is a separate member of the record.
	Object APIObject
	// Content is the manifest ID of a Bundle's resources.
	Content string
	// Digest is the SHA-256 digest of that manifest, in hexadecimal. The ID contains only
	// part of it.
	Digest string
	// Resources counts a Bundle's resources. With it, a reader can distinguish an empty
	// list from one in a content record without reading that record.
	Resources int
	// Seed is the randomness of a Bundle version's templates, drawn when its spec was
	// written. It is secret: generated values follow from it.
	Seed []byte
	// Time is when a Bundle version's spec was written. It is the clock of its templates.
	Time time.Time
	// Namespace pins the derived cluster namespace of a Cluster, where a later write would
	// otherwise take it away (S 8.1).
	Namespace string

	// Size is the number of bytes of JSON in the record that this was decoded from, and 0
	// if it was not decoded.
	Size int
}

type objectJSON struct {
	Object    json.RawMessage `json:"object"`
	Content   string          `json:"content,omitempty"`
	Digest    string          `json:"digest,omitempty"`
	Resources int             `json:"resources,omitempty"`
	Seed      []byte          `json:"seed,omitempty"`
	Time      *time.Time      `json:"time,omitempty"`
	Namespace string          `json:"namespace,omitempty"`
	Written   json.RawMessage `json:"written,omitempty"`
}

// Encode returns the record's bytes. Equal records have equal bytes.
func (o *Object) Encode() ([]byte, error) {
	object, err := encodeWithoutStatus(o.Object)
	if err != nil {
		return nil, err
	}
	out := objectJSON{Object: object, Content: o.Content, Digest: o.Digest, Resources: o.Resources, Seed: o.Seed, Namespace: o.Namespace}
	if !o.Time.IsZero() {
		out.Time = &o.Time
	}
	if written, ok := o.Object.(v1alpha1.Written); ok {
		out.Written = json.RawMessage(*written.Form())
	}
	return json.Marshal(out)
}

// encodeWithoutStatus returns an object's JSON without its status. Another record has the
// status, and many kinds would print a tree of zeros.
func encodeWithoutStatus(object APIObject) ([]byte, error) {
	all, err := json.Marshal(plain(object))
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", object, err)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(all, &members); err != nil {
		return nil, fmt.Errorf("encode %T: %w", object, err)
	}
	delete(members, "status")
	return json.Marshal(members)
}

// plain returns the value that the JSON of an object's fields is encoded from and decoded
// into, in whichever form the object was written.
func plain(object APIObject) any {
	if written, ok := object.(v1alpha1.Written); ok {
		return written.Plain()
	}
	return object
}

// DecodeObject decodes the object record of a resource.
func DecodeObject(resource string, data []byte) (*Object, error) {
	stored, ok := resources[resource]
	if !ok {
		return nil, fmt.Errorf("object record of unknown resource %q", resource)
	}
	var in objectJSON
	text, err := Text(data)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		return nil, fmt.Errorf("decode object record of %s: %w", resource, err)
	}
	out := &Object{Object: stored.make(), Content: in.Content, Digest: in.Digest, Resources: in.Resources, Seed: in.Seed, Namespace: in.Namespace, Size: len(text)}
	if err := json.Unmarshal(in.Object, plain(out.Object)); err != nil {
		return nil, fmt.Errorf("decode object record of %s: %w", resource, err)
	}
	if written, ok := out.Object.(v1alpha1.Written); ok {
		*written.Form() = schema.Form(in.Written)
	}
	if in.Time != nil {
		out.Time = *in.Time
	}
	shareFields(out.Object.GetManagedFields())
	return out, nil
}

// BundlePin is the pin of a Bundle whose newest version did not work when it was written.
// It holds the last version that did.
type BundlePin struct {
	// UID and Generation name the version that failed. A pin that does not name the newest
	// version is obsolete.
	UID        types.UID `json:"uid"`
	Generation int64     `json:"generation"`
	// LastGood is the object record of the last version that worked, and nil if none did.
	// In a decoded pin, it is known to decode.
	LastGood json.RawMessage `json:"lastGood,omitempty"`
}

// ClusterPins holds the last good options of those BundleDeployments of one Cluster whose
// templates fail with the Cluster's current labels.
type ClusterPins struct {
	Pins []ClusterPin `json:"pins"`
}

// ClusterPin holds the last good options of one BundleDeployment.
type ClusterPin struct {
	// BundleUID and Generation name the version of the Bundle that the options were
	// derived from. The pin is obsolete if this is not the version in force.
	BundleUID  types.UID `json:"bundleUID"`
	Generation int64     `json:"generation"`
	// ManifestID names the manifest that the options apply to.
	ManifestID string `json:"manifestID,omitempty"`
	// Options are complete: merged, injected and rendered.
	Options v1alpha1.BundleDeploymentOptions `json:"options"`
}

// Compare orders pins by Bundle, then version.
func (p ClusterPin) Compare(o ClusterPin) int {
	return cmp.Or(cmp.Compare(p.BundleUID, o.BundleUID), cmp.Compare(p.Generation, o.Generation))
}

// Decode decodes a pin, a mirror, a holder or a rollout record. It fails if the record holds
// the object record of a Bundle and that cannot be decoded, because such a record is useless.
func Decode[T BundlePin | ClusterPins | Namespace | Values | Downstream | Rollout | Holder](data []byte) (*T, error) {
	out := new(T)
	text, err := Text(data)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err == nil {
		switch out := any(out).(type) {
		case *BundlePin:
			err = holdsBundle(out.LastGood)
		case *Rollout:
			err = holdsBundle(out.Base)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("decode %T: %w", out, err)
	}
	return out, nil
}

// holdsBundle returns an error if the data is not empty and cannot be decoded as the object
// record of a Bundle.
func holdsBundle(data json.RawMessage) error {
	if len(data) == 0 {
		return nil
	}
	_, err := DecodeObject(Bundles, data)
	return err
}
