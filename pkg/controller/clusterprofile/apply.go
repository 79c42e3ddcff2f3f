// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterprofile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// apply applies a plan to a Cluster, without the labels that another manager turns out to own:
// the server refuses an apply with a conflict as a whole.
func (c *Controller) apply(ctx context.Context, cluster metav1.Object, p plan) error {
	for {
		err := c.send(ctx, cluster, p)
		dropped := false
		for path, why := range conflicts(err) {
			key, isLabel := strings.CutPrefix(path, ".metadata.labels.")
			if _, wanted := p.labels[key]; isLabel && wanted {
				p.skip(key, why)
				dropped = true
			}
		}
		if !dropped {
			return err
		}
	}
}

func (c *Controller) send(ctx context.Context, cluster metav1.Object, p plan) error {
	meta := map[string]any{"namespace": cluster.GetNamespace(), "name": cluster.GetName()}
	meta["uid"] = cluster.GetUID() // without it, an apply would create a Cluster that was deleted
	if len(p.labels) > 0 {
		meta["labels"] = p.labels
	}
	if text := p.text(); text != "" && !p.silent {
		meta["annotations"] = map[string]string{skippedAnnotation: text}
	}
	body, err := json.Marshal(map[string]any{"apiVersion": v1alpha1.SchemeGroupVersion.String(), "kind": "Cluster", "metadata": meta})
	if err != nil {
		return fmt.Errorf("encode the labels of Cluster %s/%s: %w", cluster.GetNamespace(), cluster.GetName(), err)
	}
	_, err = c.Client.FleetV1alpha1().Clusters(cluster.GetNamespace()).Patch(ctx, cluster.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{FieldManager: Manager})
	return err
}

// conflicts returns the fields for which other managers refuse an apply, with what the server
// says of each.
func conflicts(err error) map[string]string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	fields := map[string]string{}
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			fields[cause.Field] = cause.Message
		}
	}
	return fields
}
