// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdtest

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
)

// Keys seal records with AES-GCM, by names of keys: the first seals, all open. As
// with an EncryptionConfiguration, a value begins with the name of its key, and
// the name "" stands for values that are plain.
type Keys struct {
	mu struct {
		sync.Mutex
		names []string
		down  bool
		hook  func(path string)
	}
}

// NewKeys returns the keys of these names.
func NewKeys(names ...string) *Keys {
	k := &Keys{}
	k.Use(names...)
	return k
}

// Use replaces the keys.
func (k *Keys) Use(names ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.names = names
}

// Fail makes whoever keeps the keys answer no more, or again.
func (k *Keys) Fail(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.down = down
}

// BeforeSeal is called with the path of what is to be sealed: after a write has
// been planned, and before it is sent.
func (k *Keys) BeforeSeal(hook func(path string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.hook = hook
}

const sealedMark = "sealed:"

var errNoKey = errors.New("no key of that name, or the keys are out of reach")

func (k *Keys) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mu.down {
		return nil
	}
	return k.mu.names
}

func (k *Keys) beforeSeal(path string) {
	k.mu.Lock()
	hook := k.mu.hook
	k.mu.Unlock()
	if hook != nil {
		hook(path)
	}
}

// Seal encrypts with the first key.
func (k *Keys) Seal(_ context.Context, data, path []byte) ([]byte, error) {
	k.beforeSeal(string(path))
	names := k.names()
	if len(names) == 0 {
		return nil, errNoKey
	}
	if names[0] == "" {
		return data, nil
	}
	aead := cipherOf(names[0])
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(append([]byte(sealedMark+names[0]+":"), nonce...), nonce, data, path), nil
}

// Open decrypts with the key that the value names.
func (k *Keys) Open(_ context.Context, data, path []byte) ([]byte, bool, error) {
	for i, name := range k.names() {
		sealed, marked := bytes.CutPrefix(data, []byte(sealedMark+name+":"))
		switch {
		case name == "" && !bytes.HasPrefix(data, []byte(sealedMark)):
			return data, i > 0, nil
		case name == "" || !marked:
			continue
		}
		aead := cipherOf(name)
		plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], path)
		return plain, i > 0, err
	}
	return nil, false, errNoKey
}

func cipherOf(name string) cipher.AEAD {
	key := sha256.Sum256([]byte(name))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}
