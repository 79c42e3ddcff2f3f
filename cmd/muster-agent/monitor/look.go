// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// most bounds the lists of a report (S 12).
const most = 10

// Monitor looks at objects of one cluster.
type Monitor struct {
	client dynamic.Interface
	mapper meta.ResettableRESTMapper
}

// New returns a monitor of a cluster.
func New(config *rest.Config, mapper meta.ResettableRESTMapper) (*Monitor, error) {
	client, err := dynamic.NewForConfig(config)
	return &Monitor{client: client, mapper: mapper}, err
}

// Seen holds the observed state of a release.
type Seen struct {
	// Resources are the objects that exist.
	Resources []v1alpha1.BundleDeploymentResource
	// NonReady are the objects that are not healthy.
	NonReady []v1alpha1.NonReadyStatus
	// Modified are the objects that are missing or differ.
	Modified []v1alpha1.ModifiedStatus
	// Counts counts all objects.
	Counts v1alpha1.ResourceCounts
}

// Look looks at the objects of a release.
func (m *Monitor) Look(ctx context.Context, release *helm.Release, options *v1alpha1.BundleDeploymentOptions) (*Seen, error) {
	objects, err := helm.Objects(release.Manifest)
	if err != nil {
		return nil, err
	}
	seen := &Seen{}
	for _, object := range objects {
		if err := m.one(ctx, seen, release, options, object); err != nil {
			return nil, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return seen, nil
}

func (m *Monitor) one(ctx context.Context, seen *Seen, release *helm.Release, options *v1alpha1.BundleDeploymentOptions, wanted *unstructured.Unstructured) error {
	kind := wanted.GroupVersionKind()
	mapping, err := m.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	var client dynamic.ResourceInterface = m.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if wanted.GetNamespace() == "" {
			wanted.SetNamespace(release.Namespace)
		}
		client = m.client.Resource(mapping.Resource).Namespace(wanted.GetNamespace())
	}
	seen.Counts.DesiredReady++
	live, err := client.Get(ctx, wanted.GetName(), metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		seen.Counts.Missing++
		seen.Modified = append(seen.Modified, modified(wanted, func(s *v1alpha1.ModifiedStatus) { s.Create = true }))
		return nil
	}
	if err != nil {
		return err
	}
	seen.Resources = append(seen.Resources, v1alpha1.BundleDeploymentResource{
		Kind: live.GetKind(), APIVersion: live.GetAPIVersion(), Namespace: live.GetNamespace(), Name: live.GetName(), CreatedAt: live.GetCreationTimestamp(),
	})
	patch, err := drift(ctx, client, release, options, wanted, live)
	if err != nil {
		return err
	}
	summary, err := condition(live)
	if err != nil {
		return err
	}
	switch {
	case summary != nil:
		seen.Counts.NotReady++
	case patch != "":
		seen.Counts.Modified++
	default:
		seen.Counts.Ready++
	}
	if patch != "" {
		seen.Modified = append(seen.Modified, modified(wanted, func(s *v1alpha1.ModifiedStatus) { s.Patch = patch }))
	}
	if summary != nil {
		seen.NonReady = append(seen.NonReady, v1alpha1.NonReadyStatus{
			UID: live.GetUID(), Kind: live.GetKind(), APIVersion: live.GetAPIVersion(), Namespace: live.GetNamespace(), Name: live.GetName(), Summary: *summary,
		})
	}
	return nil
}

func modified(object *unstructured.Unstructured, how func(*v1alpha1.ModifiedStatus)) v1alpha1.ModifiedStatus {
	out := v1alpha1.ModifiedStatus{Kind: object.GetKind(), APIVersion: object.GetAPIVersion(), Namespace: object.GetNamespace(), Name: object.GetName()}
	how(&out)
	return out
}

// condition returns why an object is not ready, or nil if it is.
func condition(live *unstructured.Unstructured) (*v1alpha1.ObjectSummary, error) {
	result, err := status.Compute(live)
	if err != nil {
		return nil, err
	}
	switch result.Status {
	case status.CurrentStatus:
		return nil, nil
	case status.FailedStatus:
		return &v1alpha1.ObjectSummary{State: "error", Error: true, Message: []string{result.Message}}, nil
	case status.InProgressStatus, status.TerminatingStatus, status.NotFoundStatus, status.UnknownStatus:
	}
	return &v1alpha1.ObjectSummary{State: "in-progress", Transitioning: true, Message: []string{result.Message}}, nil
}

// drift returns the patch that would give an object its wanted state, or "" if it has that.
func drift(ctx context.Context, client dynamic.ResourceInterface, release *helm.Release, options *v1alpha1.BundleDeploymentOptions, wanted, live *unstructured.Unstructured) (string, error) {
	wanted = wanted.DeepCopy()
	// Helm applies these too; an apply without them, by the same manager, would remove
	// them.
	wanted.SetLabels(with(wanted.GetLabels(), map[string]string{"app.kubernetes.io/managed-by": "Helm"}))
	wanted.SetAnnotations(with(wanted.GetAnnotations(), map[string]string{
		"meta.helm.sh/release-name": release.Name, "meta.helm.sh/release-namespace": release.Namespace,
	}))
	unstructured.RemoveNestedField(wanted.Object, "metadata", "creationTimestamp")
	text, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	force := true
	applied, err := client.Patch(ctx, wanted.GetName(), types.ApplyPatchType, text, metav1.PatchOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: helm.Manager, Force: &force,
	})
	if apierrors.IsInvalid(err) {
		return err.Error(), nil // a change of an immutable field, which only a new object could undo
	}
	if err != nil {
		return "", err
	}
	ignored := pointers(options, wanted)
	if slices.Contains(ignored, "") {
		return "", nil
	}
	patch := upstream.DiffMaps(compared(live, ignored), compared(applied, ignored))
	if len(patch) == 0 {
		return "", nil
	}
	text, err = json.Marshal(patch)
	return string(text), err
}

func with(base, more map[string]string) map[string]string {
	out := maps.Clone(base)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, more)
	return out
}

// compared returns the part of an object that counts as its content.
func compared(object *unstructured.Unstructured, ignored []string) map[string]any {
	out := object.DeepCopy().Object
	delete(out, "status")
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(out, "metadata", field)
	}
	for _, pointer := range ignored {
		path := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
		for i := range path {
			path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(path[i])
		}
		unstructured.RemoveNestedField(out, path...)
	}
	return out
}

// pointers returns the paths of an object that are not compared; the empty path is the
// whole object. Paths into lists are not supported, so these parts are compared.
func pointers(options *v1alpha1.BundleDeploymentOptions, object *unstructured.Unstructured) []string {
	if options.Diff == nil {
		return nil
	}
	var out []string
	for _, p := range options.Diff.ComparePatches {
		if p.Kind != object.GetKind() || p.APIVersion != object.GetAPIVersion() || p.Namespace != object.GetNamespace() || p.Name != object.GetName() {
			continue
		}
		out = append(out, p.JsonPointers...)
		for _, o := range p.Operations {
			switch o.Op {
			case "remove":
				out = append(out, o.Path)
			case "ignore":
				out = append(out, "")
			}
		}
	}
	return out
}
