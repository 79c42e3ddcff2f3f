// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package loops

import (
	"fmt"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
)

// A registration takes a dozen requests, and ten thousand agents may register at once.
// Kube-apiserver's priority and fairness protects it better than a limit of the client does.
const (
	clientQPS   = 200
	clientBurst = 400
)

// clients holds the clients that controllers share, and for which need they suffice.
type clients struct {
	fleet    versioned.Interface
	core     kubernetes.Interface
	metadata metadata.Interface
	dynamic  dynamic.Interface
	suffice  need
}

// reach makes the clients for which the parts have a configuration.
func reach(p Parts) (c clients, err error) {
	if p.Fleet == nil {
		return c, nil
	}
	if c.fleet, err = versioned.NewForConfig(patient(p.Fleet)); err != nil {
		return c, fmt.Errorf("client of the fleet's API: %w", err)
	}
	c.suffice = fleetAPI
	if p.Core == nil {
		return c, nil
	}
	if c.core, err = kubernetes.NewForConfig(patient(p.Core)); err != nil {
		return c, fmt.Errorf("client of the core API: %w", err)
	}
	if c.metadata, err = metadata.NewForConfig(patient(p.Core)); err != nil {
		return c, fmt.Errorf("client of the core API: %w", err)
	}
	if c.dynamic, err = dynamic.NewForConfig(patient(p.Core)); err != nil {
		return c, fmt.Errorf("client of the core API: %w", err)
	}
	c.suffice = coreAPI
	if p.Alone {
		c.suffice = secrets
	}
	return c, nil
}

func patient(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = clientQPS, clientBurst
	return rest.AddUserAgent(config, "muster-controller")
}
