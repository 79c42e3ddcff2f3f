// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
)

const (
	// MaxRequestBodyBytes is the largest body that is read. A Bundle carries its
	// resources inline: 3 MB of YAML is a real one, and JSON escapes make it grow,
	// at worst sixfold.
	MaxRequestBodyBytes = 32 << 20

	requestTimeout = 60 * time.Second
	// minRequestTimeout is how long a watch lives at least, in seconds; at most it
	// is twice that.
	minRequestTimeout = 1800
	// watchDrain is how long open watches are given to end at a stop. Without it
	// the stop would wait for them as for any request.
	watchDrain = 5 * time.Second
)

// NewConfig is what is the same wherever Muster runs. The caller adds how it is
// reached (SecureServing, LoopbackClientConfig) and by whom (Authentication,
// Authorization), then calls [New].
func NewConfig() *genericapiserver.Config {
	config := genericapiserver.NewConfig(Codecs)
	config.EffectiveVersion = Components().EffectiveVersionFor(Component)
	config.FeatureGate = Components().FeatureGateFor(Component)
	config.OpenAPIConfig = openAPIv2()
	config.OpenAPIV3Config = openAPIv3()
	config.MaxRequestBodyBytes = MaxRequestBodyBytes
	config.JSONPatchMaxCopyBytes = MaxRequestBodyBytes
	config.RequestTimeout = requestTimeout
	config.MinRequestTimeout = minRequestTimeout
	config.ShutdownWatchTerminationGracePeriod = watchDrain
	config.BuildHandlerChainFunc = func(apiHandler http.Handler, c *genericapiserver.Config) http.Handler {
		// Innermost, so that who may not write is told that first.
		return genericapiserver.DefaultBuildHandlerChain(withComputed(withPatchTypes(withPatchErrors(apiHandler), Codecs), Codecs), c)
	}
	return config
}
