// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
)

// chance is the source of an evaluation's randomness.
type chance struct{ r *rand.ChaCha8 }

// random returns the evaluation's source. Its key is a hash, under the seed, of what is
// evaluated. So one known result reveals no other.
func (e *evaluation) random() *chance {
	if e.chance == nil {
		mac := hmac.New(sha256.New, e.env.Seed)
		mac.Write([]byte(e.env.Salt))
		e.chance = &chance{r: rand.NewChaCha8([32]byte(mac.Sum(nil)))}
	}
	return e.chance
}

func (c *chance) bytes(n int) []byte {
	b := make([]byte, n)
	// ChaCha8 never fails to read.
	_, _ = c.r.Read(b)
	return b
}

func (c *chance) below(n int) int { return rand.New(c.r).IntN(n) }

func (c *chance) text(n int, alphabet string) string {
	b := make([]byte, max(n, 0))
	r := rand.New(c.r)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// printable are the ASCII characters from the blank to the tilde.
var printable = func() string {
	b := make([]byte, 0, '~'-' '+1)
	for c := byte(' '); c <= '~'; c++ {
		b = append(b, c)
	}
	return string(b)
}()

// randoms replace the random functions of sprig.
var randoms = map[string]func(*evaluation) any{
	"randAlphaNum": textOf(letters + digits),
	"randAlpha":    textOf(letters),
	"randNumeric":  textOf(digits),
	"randAscii":    textOf(printable),
	"randInt": func(e *evaluation) any {
		return func(low, high int) (int, error) {
			if high <= low || high-low <= 0 {
				return 0, fmt.Errorf("no number is at least %d and less than %d", low, high)
			}
			return low + e.random().below(high-low), nil
		}
	},
	"uuidv4": func(e *evaluation) any {
		return func() string {
			id, err := uuid.FromBytes(e.random().bytes(16))
			if err != nil {
				panic(err)
			}
			id[6] = id[6]&0x0f | 0x40 // version 4
			id[8] = id[8]&0x3f | 0x80 // variant of RFC 9562
			return id.String()
		}
	},
	"shuffle": func(e *evaluation) any {
		return func(s string) string {
			runes := []rune(s)
			rand.New(e.random().r).Shuffle(len(runes), func(i, j int) { runes[i], runes[j] = runes[j], runes[i] })
			return string(runes)
		}
	},
	"encryptAES": func(e *evaluation) any { return e.encryptAES },
}

func textOf(alphabet string) func(*evaluation) any {
	return func(e *evaluation) any {
		return func(n int) string {
			e.bound(n, 1, 0)
			return e.random().text(n, alphabet)
		}
	}
}

// encryptAES writes what decryptAES of sprig reads: AES-256 in CBC mode, with the password
// padded with zeros to the length of the key, and the initialization vector in front.
func (e *evaluation) encryptAES(password, plaintext string) (string, error) {
	if plaintext == "" {
		return "", nil
	}
	key := make([]byte, 32)
	copy(key, password)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", err
	}
	padding := aes.BlockSize - len(plaintext)%aes.BlockSize
	padded := append([]byte(plaintext), bytes.Repeat([]byte{byte(padding)}, padding)...)
	iv := e.random().bytes(aes.BlockSize)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	return base64.StdEncoding.EncodeToString(append(iv, padded...)), nil
}
