// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agentaccess

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// withdraw removes what belongs to one owner but not to the one with this UID; all
// of it if the UID is "". things must have been looked up before the owner was, so
// that they cannot belong to an owner that came later. What there is too little
// evidence for stays, for a while or for good.
func (c *Controller) withdraw(ctx context.Context, key owner, things []thing, alive types.UID) error {
	for _, t := range things {
		_, uid, ok := ownerOf(t)
		if !ok || t.GetDeletionTimestamp() != nil {
			continue
		}
		if alive != "" && (uid == alive || uid == "") {
			c.evidence.forget(t.GetUID())
			continue
		}
		if !c.belongs(t, key, uid) {
			if c.evidence.sayOnce(t.GetUID()) {
				klog.InfoS("Leaves what is marked as an owner's that is gone, but is not called as anything of that owner is: take the mark off, or delete it if it is not needed",
					"resource", t.resource.Resource, "object", klog.KObj(t), "owner", key)
			}
			continue
		}
		rest, never := c.evidence.wait(t.GetUID(), key, uid, alive == "", time.Now())
		switch {
		case never:
			klog.V(2).InfoS("Leaves what Fleet made and what nobody known owns: delete it if it is not needed", "resource", t.resource.Resource, "object", klog.KObj(t), "owner", key)
		case rest > 0:
			klog.InfoS("The owner of an object is not there, and was not seen to go: it will be removed", "resource", t.resource.Resource, "object", klog.KObj(t), "owner", key, "in", rest.Round(time.Second))
			c.queue.AddAfter(key, rest)
		default:
			if err := c.remove(ctx, t); err != nil {
				return err
			}
			klog.InfoS("Removed what has no owner any more", "resource", t.resource.Resource, "object", klog.KObj(t), "owner", key)
		}
	}
	return nil
}

// remove removes an object, and no other of its name.
func (c *Controller) remove(ctx context.Context, t thing) error {
	c.evidence.forget(t.GetUID())
	uid := t.GetUID()
	options := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}
	err := c.Metadata.Resource(t.resource).Namespace(t.GetNamespace()).Delete(ctx, t.GetName(), options)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is gone, or another one
	}
	return err
}
