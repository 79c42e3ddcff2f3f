// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// copied is the part of a Secret or ConfigMap that is copied; nil if it does not exist.
type copied struct {
	Type   string            `json:"type,omitempty"`
	Data   map[string]string `json:"data,omitempty"`
	Binary map[string][]byte `json:"binary,omitempty"`
}

// digest distinguishes sets of copies.
type digest struct {
	Copies []digested `json:"copies"`
}

type digested struct {
	Kind string  `json:"kind"`
	Name string  `json:"name"`
	Copy *copied `json:"copy"`
}

// add adds the content of a copy. The caller always adds copies in the same order.
func (d *digest) add(r resource, c *copied) {
	d.Copies = append(d.Copies, digested{r.kind, r.name.Name, c})
}

func (d *digest) sum() (sum string, any bool) {
	for _, c := range d.Copies {
		any = any || c.Copy != nil
	}
	text, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("downstream: no JSON of %T: %v", d, err))
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:]), any
}
