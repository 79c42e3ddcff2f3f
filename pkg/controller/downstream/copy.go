// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/derive"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/view"
)

// ensure makes one copy like its source, and returns the content of the copy; nil if the copy
// does not exist. asType is the type of an access Secret, which also gets a label.
func (d *Downstream) ensure(ctx context.Context, r resource, n *need, bd *view.BundleDeployment, asType string) (*copied, error) {
	from, to := r.in(n.from), r.in(bd.Name().Namespace)
	src, err := d.sources.get(ctx, from)
	if err != nil {
		return nil, err
	}
	have, err := d.read(ctx, to)
	if err != nil {
		return nil, err
	}
	mine, blocked := n.origin(r), d.blocked(have, to, n.origin(r))
	if blocked != "" {
		return nil, blocked
	}
	held := have.exists() && d.needs.originOf(have, to) == mine
	if src == nil {
		missing := obstacle(fmt.Sprintf("the %s %s, which is to be copied, does not exist", singular(r.kind), from.name))
		if held {
			return have.content(), missing
		}
		return nil, missing
	}
	if err := d.released(have, to, mine); err != nil {
		return nil, err
	}
	want := copyOf(src, to, asType)
	want.meta().Annotations = map[string]string{sourceAnnotation: string(mine)}
	var owners []metav1.OwnerReference
	if held {
		owners = d.needs.keep(have.meta().OwnerReferences, to, mine)
	}
	want.meta().OwnerReferences = joined(owners, ownerOf(bd, n))
	if err := d.write(ctx, have, want, held); err != nil {
		if held {
			return have.content(), err
		}
		return nil, err
	}
	return want.content(), nil
}

// released returns an error while the record of another BundleDeployment lists the copy of
// another origin as held: its agent would read the new copy. That BundleDeployment does not
// need the copy any more, so its next turn corrects the record.
func (d *Downstream) released(have object, to resource, mine origin) error {
	if !have.exists() {
		return nil
	}
	if is := d.needs.originOf(have, to); is == mine || is == "" {
		return nil
	}
	for _, owner := range have.meta().OwnerReferences {
		name := record.Name{Namespace: to.name.Namespace, Name: owner.Name}
		other, _, err := d.Engine.CopiesOf(name)
		if err != nil {
			return err
		}
		if isDeployment(owner) && other.UID == owner.UID && slices.Contains(other.Held, string(derive.CopyOf(to.kind, to.name.Name))) {
			d.queue.Add(name)
			return errAgain
		}
	}
	return nil
}

// blocked returns why an object may not become the copy of an origin; "" if it may. It may if
// it is one already, or if no BundleDeployment needs it as the copy that it is now.
func (d *Downstream) blocked(have object, to resource, mine origin) obstacle {
	if !have.exists() {
		return ""
	}
	if !have.ours() {
		return obstacle(fmt.Sprintf("the %s %s is in the way of the copy of %s: no BundleDeployment owns it; rename it, or the source",
			singular(to.kind), to.name, mine))
	}
	if is := d.needs.originOf(have, to); is != mine && is != "" && d.needs.held(to, is) {
		return obstacle(fmt.Sprintf("the %s %s is in the way of the copy of %s: it is the copy of %s, which another Bundle needs on this Cluster; rename one of the two sources",
			singular(to.kind), to.name, mine, is))
	}
	return ""
}

// object is a Secret or a ConfigMap. Both are nil if it does not exist.
type object struct {
	secret    *corev1.Secret
	configMap *corev1.ConfigMap
}

func (o object) exists() bool { return o.secret != nil || o.configMap != nil }

func (o object) meta() *metav1.ObjectMeta {
	if o.secret != nil {
		return &o.secret.ObjectMeta
	}
	return &o.configMap.ObjectMeta
}

func (o object) ours() bool {
	return slices.ContainsFunc(o.meta().OwnerReferences, isDeployment)
}

func isDeployment(owner metav1.OwnerReference) bool {
	return owner.Kind == "BundleDeployment" && owner.APIVersion == v1alpha1.SchemeGroupVersion.String()
}

func (o object) content() *copied {
	if o.secret != nil {
		return &copied{Type: string(o.secret.Type), Binary: o.secret.Data}
	}
	return &copied{Data: o.configMap.Data, Binary: o.configMap.BinaryData}
}

// copyOf returns the copy of a source, without owners.
func copyOf(src *source, to resource, asType string) object {
	m := metav1.ObjectMeta{Namespace: to.name.Namespace, Name: to.name.Name}
	if asType != "" {
		m.Labels = map[string]string{v1alpha1.LabelInternalSecret: "true"}
	}
	if src.secret != nil {
		kind := src.secret.Type
		if asType != "" {
			kind = corev1.SecretType(asType)
		}
		return object{secret: &corev1.Secret{ObjectMeta: m, Type: kind, Data: src.secret.Data}}
	}
	return object{configMap: &corev1.ConfigMap{ObjectMeta: m, Data: src.configMap.Data, BinaryData: src.configMap.BinaryData}}
}

func ownerOf(bd *view.BundleDeployment, n *need) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "BundleDeployment", Name: bd.Name().Name, UID: n.uid}
}

// joined adds an owner. An owner of the same name with another UID is an earlier
// BundleDeployment, which is gone, and is dropped. One of the owners is always marked as the
// controller.
func joined(have []metav1.OwnerReference, owner metav1.OwnerReference) []metav1.OwnerReference {
	out := slices.DeleteFunc(slices.Clone(have), func(o metav1.OwnerReference) bool {
		return isDeployment(o) && o.Name == owner.Name && o.UID != owner.UID
	})
	if !slices.ContainsFunc(out, func(o metav1.OwnerReference) bool { return o.UID == owner.UID }) {
		out = append(out, owner)
	}
	if !slices.ContainsFunc(out, func(o metav1.OwnerReference) bool { return ptr.Deref(o.Controller, false) }) {
		out[len(out)-1].Controller = new(true)
	}
	return out
}

func (d *Downstream) read(ctx context.Context, r resource) (object, error) {
	var out object
	var err error
	if r.kind == secrets {
		out.secret, err = d.Core.CoreV1().Secrets(r.name.Namespace).Get(ctx, r.name.Name, metav1.GetOptions{})
	} else {
		out.configMap, err = d.Core.CoreV1().ConfigMaps(r.name.Namespace).Get(ctx, r.name.Name, metav1.GetOptions{})
	}
	if apierrors.IsNotFound(err) {
		return object{}, nil
	}
	if err != nil {
		return object{}, fmt.Errorf("read %s %s: %w", r.kind, r.name, err)
	}
	return out, nil
}

// write makes an object the copy that it should be, if it is not. held says whether it is a
// copy of the same origin already: then it keeps its other labels and annotations.
func (d *Downstream) write(ctx context.Context, have, want object, held bool) error {
	err := d.writeOver(ctx, have, want, held)
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) && have.exists() {
		return errAgain
	}
	if err != nil {
		return fmt.Errorf("copy %s/%s: %w", want.meta().Namespace, want.meta().Name, err)
	}
	return nil
}

func (d *Downstream) writeOver(ctx context.Context, have, want object, held bool) error {
	if have.exists() && have.secret != nil && have.secret.Type != want.secret.Type {
		// A Secret's type cannot be changed.
		gone := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &have.secret.UID, ResourceVersion: &have.secret.ResourceVersion}}
		if err := d.Core.CoreV1().Secrets(have.secret.Namespace).Delete(ctx, have.secret.Name, gone); err != nil {
			return err
		}
		have = object{}
	}
	if !have.exists() {
		if want.secret != nil {
			_, err := d.Core.CoreV1().Secrets(want.secret.Namespace).Create(ctx, want.secret, metav1.CreateOptions{})
			return err
		}
		_, err := d.Core.CoreV1().ConfigMaps(want.configMap.Namespace).Create(ctx, want.configMap, metav1.CreateOptions{})
		return err
	}
	if held {
		want.meta().Labels = with(have.meta().Labels, want.meta().Labels)
		want.meta().Annotations = with(have.meta().Annotations, want.meta().Annotations)
	}
	if sameContent(have.content(), want.content()) && reflect.DeepEqual(have.meta().OwnerReferences, want.meta().OwnerReferences) &&
		maps.Equal(have.meta().Labels, want.meta().Labels) && maps.Equal(have.meta().Annotations, want.meta().Annotations) {
		return nil
	}
	want.meta().UID, want.meta().ResourceVersion = have.meta().UID, have.meta().ResourceVersion
	if want.secret != nil {
		_, err := d.Core.CoreV1().Secrets(want.secret.Namespace).Update(ctx, want.secret, metav1.UpdateOptions{})
		return err
	}
	_, err := d.Core.CoreV1().ConfigMaps(want.configMap.Namespace).Update(ctx, want.configMap, metav1.UpdateOptions{})
	return err
}

// with returns the entries of one map, overwritten by those of another.
func with(under, over map[string]string) map[string]string {
	out := maps.Clone(under)
	if out == nil && len(over) > 0 {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}

// sameContent reports whether two copies have the same content; no data is the same as empty.
func sameContent(a, b *copied) bool {
	return a.Type == b.Type && maps.Equal(a.Data, b.Data) && maps.EqualFunc(a.Binary, b.Binary, slices.Equal[[]byte])
}
