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
// through to it so far. It is there only where something can be held back.
type Promotion struct {
	// UID is the BundleDeployment's. A promotion of an earlier one of its name is
	// dead.
	UID types.UID
	// Staged is what is shown to be next; Promoted is what is to be deployed. Each
	// may be nil: nothing yet.
	Staged, Promoted *Deployment
}

// Deployment is what is deployed, or to be deployed.
type Deployment struct {
	// ManifestID is what the options are applied to.
	ManifestID string `json:"manifestID,omitempty"`
	// Options are complete: merged, injected and rendered.
	Options v1alpha1.BundleDeploymentOptions `json:"options"`
}

// promotionJSON holds what is staged and promoted at once only once: that is so
// at the end of every roll-out, and options may be long.
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

// DecodePromotion decodes a promotion record. Where staged and promoted are the
// same, they are one pointer.
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

// Rollout says that versions of a Bundle came that can be held back.
type Rollout struct {
	// UID is the Bundle's. A record of an earlier one of its name is dead.
	UID types.UID `json:"uid"`
	// Base is the object record of the last version that was fully promoted; nil if
	// there was none, or if each BundleDeployment has its promotion record by now.
	Base json.RawMessage `json:"base,omitempty"`
}
