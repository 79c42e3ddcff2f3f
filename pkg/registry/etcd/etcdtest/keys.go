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

// Keys encrypts records with AES-GCM, under keys that have names. The first key encrypts,
// and all decrypt. As with an EncryptionConfiguration, a value begins with the name of its
// key. The name "" stands for plain text.
type Keys struct {
	mu struct {
		sync.Mutex
		names []string
		down  bool
		hook  func(path string)
	}
}

// NewKeys returns keys with these names.
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

// Fail makes the keys unavailable, or available again.
func (k *Keys) Fail(down bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.down = down
}

// BeforeEncrypt sets a hook that is called with the path of each record before it is
// encrypted: after a write has been planned, and before it is sent.
func (k *Keys) BeforeEncrypt(hook func(path string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.mu.hook = hook
}

const encryptedMark = "encrypted:"

var errNoKey = errors.New("no key has that name, or the keys are unavailable")

func (k *Keys) names() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mu.down {
		return nil
	}
	return k.mu.names
}

func (k *Keys) beforeEncrypt(path string) {
	k.mu.Lock()
	hook := k.mu.hook
	k.mu.Unlock()
	if hook != nil {
		hook(path)
	}
}

// Encrypt encrypts with the first key.
func (k *Keys) Encrypt(_ context.Context, data, path []byte) ([]byte, error) {
	k.beforeEncrypt(string(path))
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
	return aead.Seal(append([]byte(encryptedMark+names[0]+":"), nonce...), nonce, data, path), nil
}

// Decrypt decrypts with the key that the value names.
func (k *Keys) Decrypt(_ context.Context, data, path []byte) ([]byte, bool, error) {
	for i, name := range k.names() {
		encrypted, marked := bytes.CutPrefix(data, []byte(encryptedMark+name+":"))
		switch {
		case name == "" && !bytes.HasPrefix(data, []byte(encryptedMark)):
			return data, i > 0, nil
		case name == "" || !marked:
			continue
		}
		aead := cipherOf(name)
		plain, err := aead.Open(nil, encrypted[:aead.NonceSize()], encrypted[aead.NonceSize():], path)
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
