// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/musterfleet/muster/test/poll"
)

// forge changes the claims of a token. With key it is signed again, as only the cluster
// could; without a key, it keeps the old signature.
func forge(t *testing.T, token string, key *ecdsa.PrivateKey, header, payload func(map[string]any)) string {
	t.Helper()
	parts := strings.Split(token, ".")
	require.Len(t, parts, 3)
	edit := func(part string, change func(map[string]any)) string {
		text, err := base64.RawURLEncoding.DecodeString(part)
		require.NoError(t, err)
		var claims map[string]any
		require.NoError(t, json.Unmarshal(text, &claims))
		if change != nil {
			change(claims)
		}
		text, err = json.Marshal(claims)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := edit(parts[0], header) + "." + edit(parts[1], payload)
	if key == nil {
		return signed + "." + parts[2]
	}
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	require.NoError(t, err)
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestAnInvalidTokenIsRefused(t *testing.T) {
	t.Parallel()
	real := north.config.BearerToken
	key, ok := control.Accounts.TLS().PrivateKey.(*ecdsa.PrivateKey)
	require.True(t, ok)
	foreign, ok := control.ForeignCA.Client("service-accounts").TLS().PrivateKey.(*ecdsa.PrivateKey)
	require.True(t, ok)
	past := func(c map[string]any) {
		then := time.Now().Add(-24 * time.Hour).Unix()
		c["iat"], c["nbf"], c["exp"] = then, then, then+3600
	}
	future := func(c map[string]any) { c["nbf"] = time.Now().Add(time.Hour).Unix() }
	asSouth := func(c map[string]any) { c["sub"] = south.user() }
	audience := func(c map[string]any) { c["aud"] = []string{"https://somebody.example.com"} }
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"somebody-else"}, ExpirationSeconds: new(int64(3600))}}
	elsewhere, err := control.Client.CoreV1().ServiceAccounts(north.namespace).CreateToken(t.Context(), north.account, request, metav1.CreateOptions{})
	require.NoError(t, err)
	for _, c := range []struct {
		name, token string
		code        int
	}{
		{"the agent's", real, http.StatusOK},
		{"the agent's, signed again", forge(t, real, key, nil, func(c map[string]any) { c["jti"] = "again" }), http.StatusOK},
		{"one that has expired", forge(t, real, key, nil, past), http.StatusUnauthorized},
		{"one that is not valid yet", forge(t, real, key, nil, future), http.StatusUnauthorized},
		{"one of another audience", elsewhere.Status.Token, http.StatusUnauthorized},
		{"one whose audience was changed", forge(t, real, key, nil, audience), http.StatusUnauthorized},
		{"one of another issuer", forge(t, real, key, nil, func(c map[string]any) { c["iss"] = "https://somebody.example.com" }), http.StatusUnauthorized},
		{"one whose subject was changed", forge(t, real, nil, nil, asSouth), http.StatusUnauthorized},
		{"one that is signed with a foreign key", forge(t, real, foreign, nil, nil), http.StatusUnauthorized},
		{"one without an algorithm", forge(t, real, nil, func(h map[string]any) { h["alg"] = "none" }, asSouth), http.StatusUnauthorized},
		{"one without a signature", real[:strings.LastIndex(real, ".")+1], http.StatusUnauthorized},
		{"one with a suffix", real + "x", http.StatusUnauthorized},
		{"garbage", "garbage", http.StatusUnauthorized},
		{"garbage that looks like a token", "e30.e30.e30", http.StatusUnauthorized},
		{"a very long one", strings.Repeat("x", 64<<10), http.StatusUnauthorized},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := ask(t, bearer(c.token), north.list())
			require.Equal(t, c.code, got.code, got.body)
		})
	}
}

func TestATokenOfADeletedAccountIsRefusedOnceTheCacheExpires(t *testing.T) {
	t.Parallel()
	leaver := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "leaver"}}
	accounts := control.Client.CoreV1().ServiceAccounts(south.namespace)
	_, err := accounts.Create(t.Context(), leaver, metav1.CreateOptions{})
	require.NoError(t, err)
	bind(t, "leaver", south.namespace, "ClusterRole", "fleet-bundle-deployment", account(south.namespace, "leaver"))
	config := bearer(control.Token(t, south.namespace, "leaver"))
	poll.Eventually(t, patience, func(ctx context.Context) error { return expect(ctx, config, south.list(), http.StatusOK) })

	require.NoError(t, accounts.Delete(t.Context(), "leaver", metav1.DeleteOptions{}))
	gone := time.Now()
	last := lastBefore(t, func(ctx context.Context) error { return expect(ctx, config, south.list(), http.StatusUnauthorized) })
	// kube-apiserver has a cache of its own for tokens, of 10 seconds.
	require.Less(t, last.Sub(gone), cacheTTL+11*time.Second)
	t.Logf("a deleted account was refused after %v", time.Since(gone).Round(time.Millisecond))
}
