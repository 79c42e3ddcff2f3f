// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// Promotion is the promotion record of a BundleDeployment: what a roll-out has let
// through to it so far. It exists only where something can be held back.
type Promotion struct {
	// UID is the BundleDeployment's. A promotion of an earlier one with its name has no
	// effect.
	UID types.UID
	// Staged is shown as the next deployment, and Promoted is to be deployed. Each may be
	// nil, which means nothing yet.
	Staged, Promoted *Deployment
}

// Deployment is a manifest with its options, deployed or to be deployed.
type Deployment struct {
	// ManifestID names the manifest that the options apply to.
	ManifestID string `json:"manifestID,omitempty"`
	// Options are complete: merged, injected and rendered.
	Options v1alpha1.BundleDeploymentOptions `json:"options"`
}

// promotionJSON holds a deployment that is both staged and promoted only once. At the end
// of every roll-out the two are equal, and options may be long.
type promotionJSON struct {
	UID      types.UID       `json:"uid"`
	Both     json.RawMessage `json:"both,omitempty"`
	Staged   json.RawMessage `json:"staged,omitempty"`
	Promoted json.RawMessage `json:"promoted,omitempty"`
}

// Encode returns the record's bytes. Equal records have equal bytes.
func (p *Promotion) Encode() ([]byte, error) {
	out := promotionJSON{UID: p.UID}
	var err error
	if out.Staged, err = p.Staged.encode(); err != nil {
		return nil, err
	}
	if out.Promoted, err = p.Promoted.encode(); err != nil {
		return nil, err
	}
	if out.Staged != nil && string(out.Staged) == string(out.Promoted) {
		out.Both, out.Staged, out.Promoted = out.Staged, nil, nil
	}
	text, err := json.Marshal(out)
	return Pack(text), err
}

func (d *Deployment) encode() (json.RawMessage, error) {
	if d == nil {
		return nil, nil
	}
	out, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode promotion record: %w", err)
	}
	return out, nil
}

// DecodePromotion decodes a promotion record. If staged and promoted are equal, they are
// the same pointer.
func DecodePromotion(data []byte) (*Promotion, error) {
	var in promotionJSON
	text, err := Text(data)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		return nil, fmt.Errorf("decode promotion record: %w", err)
	}
	out := &Promotion{UID: in.UID}
	for _, part := range []struct {
		data json.RawMessage
		into []**Deployment
	}{{in.Both, []**Deployment{&out.Staged, &out.Promoted}}, {in.Staged, []**Deployment{&out.Staged}}, {in.Promoted, []**Deployment{&out.Promoted}}} {
		if len(part.data) == 0 || string(part.data) == "null" {
			continue
		}
		d := &Deployment{}
		if err := json.Unmarshal(part.data, d); err != nil {
			return nil, fmt.Errorf("decode promotion record: %w", err)
		}
		for _, to := range part.into {
			*to = d
		}
	}
	return out, nil
}

// Rollout is the rollout record of a Bundle with versions that can be held back.
type Rollout struct {
	// UID is the Bundle's. A record of an earlier one with its name has no effect.
	UID types.UID `json:"uid"`
	// Base is the object record of the last version that was fully promoted. It is nil if
	// none was, or if each BundleDeployment already has its promotion record.
	Base json.RawMessage `json:"base,omitempty"`
}
