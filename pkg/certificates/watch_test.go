// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const day = 24 * time.Hour

// until returns a certificate that was made an hour ago and is valid until a time.
func until(t *testing.T, end time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: end}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// logged holds the lines of a watch.
type logged struct {
	warnings []string
	errors   []error
}

// start runs a watch of a certificate whose content the test may replace.
func start(t *testing.T, data []byte) (content *[]byte, says *logged, w *Watch) {
	t.Helper()
	content, says = &data, &logged{}
	w = New(Certificate{Name: "serving", Where: "--tls-cert-file /tls.crt", Read: func() ([]byte, error) {
		if *content == nil {
			return nil, errors.New("it is gone")
		}
		return *content, nil
	}})
	w.warn = func(text string) { says.warnings = append(says.warnings, text) }
	w.fail = func(err error, _ Certificate) { says.errors = append(says.errors, err) }
	t.Cleanup(w.Start(t.Context()))
	synctest.Wait()
	return content, says, w
}

// shown is the name of the check as the second request shows it.
func shown(t *testing.T, w *Watch) string {
	t.Helper()
	require.NoError(t, w.Check().Check(nil))
	return w.Check().Name()
}

// pass lets time pass, and the watch look.
func pass(d time.Duration) {
	<-time.After(d) // in the bubble's time
	synctest.Wait()
}

func TestAWarningComesDailyAndAnErrorAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(WarnBefore + time.Hour)
		_, says, w := start(t, until(t, end))
		require.Equal(t, checkName, shown(t, w))
		pass(time.Hour - time.Minute)
		require.Empty(t, says.warnings, "more than 30 days are left")

		pass(2 * time.Minute)
		require.Len(t, says.warnings, 1)
		for _, part := range []string{`"serving"`, "30 days", end.UTC().Format(time.RFC3339), "--tls-cert-file /tls.crt"} {
			require.Contains(t, says.warnings[0], part)
		}
		require.Equal(t, "certificates (serving expires "+end.UTC().Format(time.RFC3339)+")", shown(t, w))
		pass(10 * day)
		require.Len(t, says.warnings, 11)

		require.Empty(t, says.errors)
		pass(time.Until(end) + time.Second)
		require.Len(t, says.errors, 1, "at the end, not at the next look")
		require.ErrorIs(t, says.errors[0], ErrInvalid)
		require.Equal(t, "certificates (serving is not valid)", shown(t, w))
		warnings := len(says.warnings)
		pass(2*day + time.Minute)
		require.Len(t, says.errors, 3)
		require.Len(t, says.warnings, warnings)
	})
}

func TestARenewalEndsTheWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content, says, w := start(t, until(t, time.Now().Add(-time.Minute)))
		require.Len(t, says.errors, 1)
		*content = until(t, time.Now().Add(300*day))
		pass(lookEvery)
		require.Equal(t, checkName, shown(t, w))
		pass(2 * day)
		require.Len(t, says.errors, 1)
		require.Empty(t, says.warnings)

		*content = nil
		pass(time.Hour)
		require.Len(t, says.errors, 2, "a file that cannot be read is logged once")
		*content = []byte("no certificate")
		pass(time.Hour)
		require.Len(t, says.errors, 3)
		require.Equal(t, checkName, shown(t, w), "what was read before is in use")
	})
}

func TestTheNameOfTheCheckIsPlainUntilARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, w := start(t, until(t, time.Now().Add(day)))
		require.Equal(t, checkName, w.Check().Name(), "the path of the check is made from it")
		require.NotEqual(t, checkName, shown(t, w))
		require.Equal(t, checkName, w.Check().GroupName())
	})
}

func TestTheEndOfAChainAndOfABundle(t *testing.T) {
	t.Parallel()
	first, last := time.Now().Add(day).Truncate(time.Second).UTC(), time.Now().Add(9*day).Truncate(time.Second).UTC()
	both := append(until(t, last), until(t, first)...)
	chain, err := Certificate{}.parse(both)
	require.NoError(t, err)
	require.Equal(t, first, chain.end, "a chain ends with its first certificate that expires")
	bundle, err := Certificate{Authorities: true}.parse(both)
	require.NoError(t, err)
	require.Equal(t, last, bundle.end, "a bundle ends with its last authority")
}

func TestValidNamesTheFlagAndTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string, end time.Time) Certificate {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, until(t, end), 0o600))
		return File(name, "--flag-of-"+name, path)
	}
	good, bad := file("good", time.Now().Add(day)), file("bad", time.Now().Add(-time.Minute))
	require.NoError(t, Valid(good, File("none", "--none", filepath.Join(dir, "none"))))
	err := Valid(good, bad)
	require.ErrorIs(t, err, ErrInvalid)
	require.True(t, strings.HasPrefix(err.Error(), "--flag-of-bad "+filepath.Join(dir, "bad")+": "), err)
	early := Certificate{Where: "early", Read: func() ([]byte, error) { return until(t, time.Now().Add(day)), nil }}
	s, err := early.parse(until(t, time.Now().Add(day)))
	require.NoError(t, err)
	require.ErrorContains(t, s.valid(time.Now().Add(-2*time.Hour)), "or the clock is wrong")
}
