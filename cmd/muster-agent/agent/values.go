// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"helm.sh/helm/v4/pkg/chart/v2/loader"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/musterfleet/muster/cmd/muster-agent/helm"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// fillValues puts the Helm values from a Secret into the options, where the rest of the
// agent expects them (S 4.6).
func (a *Agent) fillValues(ctx context.Context, bd *v1alpha1.BundleDeployment) error {
	if bd.Spec.ValuesHash == "" {
		return nil
	}
	secret, err := a.up.Secret(ctx, bd.Namespace, bd.Name)
	if err != nil {
		return fmt.Errorf("reading the values: %w", err)
	}
	values, staged := secret.Data["values"], secret.Data["stagedValues"]
	sum := sha256.Sum256(append(append([]byte{}, values...), staged...))
	if hash := hex.EncodeToString(sum[:]); hash != bd.Spec.ValuesHash {
		return fmt.Errorf("retrying, hash mismatch between secret and bundledeployment: actual %s != expected %s", hash, bd.Spec.ValuesHash)
	}
	if err := fill(&bd.Spec.Options, values); err != nil {
		return err
	}
	return fill(&bd.Spec.StagedOptions, staged)
}

func fill(options *v1alpha1.BundleDeploymentOptions, text []byte) error {
	if len(text) == 0 {
		return nil
	}
	values := &v1alpha1.GenericMap{}
	if err := json.Unmarshal(text, values); err != nil {
		return err
	}
	if options.Helm == nil {
		options.Helm = &v1alpha1.HelmOptions{}
	}
	options.Helm.Values = values
	return nil
}

// values returns the values that a chart is rendered with: those of the ConfigMaps and
// Secrets that the options name, with the values of the options merged over them.
func (a *Agent) values(ctx context.Context, bd *v1alpha1.BundleDeployment) (map[string]any, error) {
	values := map[string]any{}
	if bd.Spec.Options.Helm == nil {
		return values, nil
	}
	own, _ := helm.Key(bd.Name, &bd.Spec.Options)
	for _, from := range bd.Spec.Options.Helm.ValuesFrom {
		if ref := from.ConfigMapKeyRef; ref != nil {
			object, err := a.down.CoreV1().ConfigMaps(cmp.Or(ref.Namespace, own)).Get(ctx, ref.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			if values, err = merge(values, []byte(object.Data[cmp.Or(ref.Key, "values.yaml")])); err != nil {
				return nil, err
			}
		}
		if ref := from.SecretKeyRef; ref != nil {
			object, err := a.down.CoreV1().Secrets(cmp.Or(ref.Namespace, own)).Get(ctx, ref.Name, metav1.GetOptions{})
			if err != nil {
				return nil, err
			}
			if values, err = merge(values, object.Data[cmp.Or(ref.Key, "values.yaml")]); err != nil {
				return nil, err
			}
		}
	}
	if inline := bd.Spec.Options.Helm.Values; inline != nil {
		values = loader.MergeMaps(values, inline.DeepCopy().Data)
	}
	return values, nil
}

func merge(base map[string]any, text []byte) (map[string]any, error) {
	var more map[string]any
	if err := yaml.Unmarshal(text, &more); err != nil {
		return nil, err
	}
	return loader.MergeMaps(base, more), nil
}
