// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package downstream

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// copied is all of a Secret or ConfigMap that is copied; nil if there is none.
type copied struct {
	Type   string            `json:"type,omitempty"`
	Data   map[string]string `json:"data,omitempty"`
	Binary map[string][]byte `json:"binary,omitempty"`
}

// digest tells sets of copies apart.
type digest struct {
	Copies []digested `json:"copies"`
}

type digested struct {
	Kind string  `json:"kind"`
	Name string  `json:"name"`
	Copy *copied `json:"copy"`
}

func newDigest() *digest { return &digest{} }

// add adds what a copy holds. They come in one order always.
func (d *digest) add(r resource, c *copied) {
	d.Copies = append(d.Copies, digested{r.kind, r.name.Name, c})
}

// sum is the digest, and whether there is any copy at all.
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
