// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replay gives random tests a source of numbers that can be replayed. The seed
// differs from run to run, and a test that fails prints it.
package replay

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// variable names the environment variable with the seed.
const variable = "MUSTER_SEED"

// Rand returns a source for one test. It logs the value of MUSTER_SEED that replays the same
// numbers; after a timeout, go test shows it only with -v. A source is not safe for
// concurrent use.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv(variable); s != "" {
		parsed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s must be an unsigned number: %v", variable, err)
		}
		seed = parsed
	}
	t.Logf("to replay: %s=%d go test -run '^%s$'", variable, seed, t.Name())
	return rand.New(rand.NewPCG(seed, 0))
}
