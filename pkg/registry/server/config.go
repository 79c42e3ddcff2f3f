// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"net/http"
	"time"

	genericapiserver "k8s.io/apiserver/pkg/server"
)

const (
	// MaxRequestBodyBytes is the largest body that the server reads. A Bundle carries its
	// resources inline: real ones have 3 MB of YAML, and JSON escapes make that up to six
	// times as large.
	MaxRequestBodyBytes = 32 << 20

	requestTimeout = 60 * time.Second
	// minRequestTimeout is the shortest life of a watch, in seconds. The longest is twice
	// that.
	minRequestTimeout = 1800
	// watchDrain is how long open watches may take to end when the server stops. Without it
	// the stop would wait for them as for any request.
	watchDrain = 5 * time.Second
)

// NewConfig returns the configuration that is the same wherever Muster runs. The caller
// adds how clients reach the server (SecureServing, LoopbackClientConfig) and who they may
// be (Authentication, Authorization), then calls [New].
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
		// These are innermost, so that a client without the right to write gets 403 first.
		return genericapiserver.DefaultBuildHandlerChain(withComputed(withPatchTypes(withPatchErrors(apiHandler), Codecs), Codecs), c)
	}
	return config
}
