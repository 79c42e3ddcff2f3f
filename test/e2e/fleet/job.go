// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/names"
)

// concurrent is the number of Bundles that "fleet apply" writes at the same time.
const concurrent = 4

// apply is one run of "fleet apply" for a GitRepo.
type apply struct {
	client.Client
	namespace, repo string
	commit          string
	targets         v1alpha1.BundleSpec
}

// newApply returns a run with the rights of config and nothing else.
func newApply(config *rest.Config, namespace, repo, commit string, targets []byte) (*apply, error) {
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, err
	}
	a := &apply{Client: c, namespace: namespace, repo: repo, commit: commit}
	return a, json.Unmarshal(targets, &a.targets)
}

// run writes the Bundles of a commit, and deletes the others of the GitRepo.
func (a *apply) run(ctx context.Context, folders map[string]v1alpha1.BundleSpec) error {
	repo := &v1alpha1.GitRepo{}
	if err := a.Get(ctx, client.ObjectKey{Namespace: a.namespace, Name: a.repo}, repo); err != nil {
		return err
	}
	if len(folders) == 0 {
		return fmt.Errorf("no resource found at the following paths to deploy: %v", repo.Spec.Paths)
	}
	var wanted []string
	for folder := range folders {
		wanted = append(wanted, names.HelmReleaseName(path.Join(a.repo, folder)))
	}
	bundles := &v1alpha1.BundleList{}
	if err := a.List(ctx, bundles, client.InNamespace(a.namespace), client.MatchingLabels{v1alpha1.LabelRepoName: a.repo}); err != nil {
		return err
	}
	for i := range bundles.Items {
		if !slices.Contains(wanted, bundles.Items[i].Name) {
			if err := client.IgnoreNotFound(a.Delete(ctx, &bundles.Items[i])); err != nil {
				return err
			}
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(concurrent)
	for folder, spec := range folders {
		group.Go(func() error {
			return a.folder(ctx, repo, names.HelmReleaseName(path.Join(a.repo, folder)), *spec.DeepCopy())
		})
	}
	return group.Wait()
}

// folder writes the Bundle of one folder, and the Secret with its Helm values.
func (a *apply) folder(ctx context.Context, repo *v1alpha1.GitRepo, name string, spec v1alpha1.BundleSpec) error {
	bundle := &v1alpha1.Bundle{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name, Labels: maps.Clone(repo.Labels)}, Spec: spec}
	if bundle.Labels == nil {
		bundle.Labels = map[string]string{}
	}
	bundle.Labels[v1alpha1.LabelRepoName], bundle.Labels[v1alpha1.LabelCommit] = a.repo, a.commit
	bundle.Spec.Targets, bundle.Spec.TargetRestrictions = append(bundle.Spec.Targets, a.targets.Targets...), a.targets.TargetRestrictions
	bundle.Spec.ForceSyncGeneration = repo.Spec.ForceSyncGeneration
	if err := a.Get(ctx, client.ObjectKeyFromObject(bundle), &v1alpha1.Bundle{}); client.IgnoreNotFound(err) != nil {
		return err
	}
	values, err := takeValues(bundle)
	if err != nil {
		return err
	}
	if len(values) == 0 {
		none := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name}}
		if err := client.IgnoreNotFound(a.Delete(ctx, none)); err != nil {
			return err
		}
	}
	if err := a.save(ctx, bundle); err != nil || len(values) == 0 {
		return err
	}
	secret := &corev1.Secret{
		Type: v1alpha1.SecretTypeBundleValues, Data: values,
		ObjectMeta: metav1.ObjectMeta{Namespace: a.namespace, Name: name, Labels: bundle.Labels, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "Bundle", Name: name, UID: bundle.UID, BlockOwnerDeletion: new(true), Controller: new(true),
		}}},
	}
	err = a.Get(ctx, client.ObjectKeyFromObject(secret), &corev1.Secret{})
	if apierrors.IsNotFound(err) {
		return a.Create(ctx, secret)
	}
	if err != nil {
		return err
	}
	return a.Update(ctx, secret)
}

// save creates the Bundle or replaces its spec, labels and annotations.
func (a *apply) save(ctx context.Context, bundle *v1alpha1.Bundle) error {
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		live := &v1alpha1.Bundle{}
		err := a.Get(ctx, client.ObjectKeyFromObject(bundle), live)
		switch {
		case apierrors.IsNotFound(err):
			return a.Create(ctx, bundle)
		case err != nil:
			return err
		case live.DeletionTimestamp != nil:
			return fmt.Errorf("bundle %s is being deleted", bundle.Name)
		}
		live.Spec, live.Annotations, live.Labels = bundle.Spec, bundle.Annotations, bundle.Labels
		if err := a.Update(ctx, live); err != nil {
			return err
		}
		*bundle = *live
		return nil
	})
}

// takeValues moves the Helm values out of a Bundle, which keeps their hash (S 4.5).
func takeValues(bundle *v1alpha1.Bundle) (map[string][]byte, error) {
	if bundle.Spec.Helm == nil || bundle.Spec.Helm.Values == nil || len(bundle.Spec.Helm.Values.Data) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(bundle.Spec.Helm.Values)
	if err != nil {
		return nil, err
	}
	values := map[string][]byte{"values.yaml": text}
	all, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(all)
	bundle.Spec.ValuesHash, bundle.Spec.Helm.Values, bundle.Spec.Helm.ValuesFiles = hex.EncodeToString(sum[:]), nil, nil
	return values, nil
}
