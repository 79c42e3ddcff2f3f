// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package ownership

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// Withdraw removes the objects of an owner that do not belong to the one with the UID
// alive; all of them if alive is "". The caller must have looked up the objects before the
// owner, so that none belongs to an owner that was created later. Objects for whose removal
// there is too little evidence stay, for a while or for good.
func (k *Keeper) Withdraw(ctx context.Context, o Owner, objects []Object, alive types.UID) error {
	for _, object := range objects {
		_, uid, ok := Of(object)
		if !ok || object.GetDeletionTimestamp() != nil {
			continue
		}
		if alive != "" && (uid == alive || uid == "") {
			k.evidence.forget(object.GetUID())
			continue
		}
		which := []any{"resource", object.Resource.Resource, "object", klog.KObj(object), "owner", o}
		if !k.Belongs(object, o, uid) {
			if k.evidence.sayOnce(object.GetUID()) {
				klog.InfoS("Leaves an object that is marked as one of an owner that is gone, but has no name that this owner would give it: remove the mark, or delete the object if it is not needed", which...)
			}
			continue
		}
		rest, never := k.evidence.wait(object.GetUID(), o, uid, alive == "", time.Now())
		switch {
		case never:
			klog.V(2).InfoS("Leaves an object that Fleet made and whose owner is not known: delete it if it is not needed", which...)
		case rest > 0:
			klog.InfoS("An object has no owner, and its owner was not seen to go: it will be removed", append(which, "in", rest.Round(time.Second))...)
			k.Later(o, rest)
		default:
			if err := k.Remove(ctx, object); err != nil {
				return err
			}
			klog.InfoS("Removed an object that has no owner any more", which...)
		}
	}
	return nil
}

// Remove removes an object, and no later one of its name.
func (k *Keeper) Remove(ctx context.Context, object Object) error {
	k.evidence.forget(object.GetUID())
	err := k.Metadata.Resource(object.Resource).Namespace(object.GetNamespace()).Delete(ctx, object.GetName(), *metav1.NewPreconditionDeleteOptions(string(object.GetUID())))
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is gone, or another one has its name
	}
	return err
}
