// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"

	"k8s.io/apiserver/pkg/admission"

	"github.com/musterfleet/muster/pkg/registry/fair"
)

var (
	_ admission.MutationInterface   = admittedOutside{}
	_ admission.ValidationInterface = admittedOutside{}
)

// admittedOutside is an admission chain that runs without a turn: a webhook may take
// seconds, during which the request does not compute.
type admittedOutside struct{ admission.Interface }

// Admit implements admission.MutationInterface.
func (a admittedOutside) Admit(ctx context.Context, attributes admission.Attributes, o admission.ObjectInterfaces) error {
	chain, ok := a.Interface.(admission.MutationInterface)
	if !ok {
		return nil
	}
	return fair.Of(ctx).Outside(ctx, func() error { return chain.Admit(ctx, attributes, o) })
}

// Validate implements admission.ValidationInterface.
func (a admittedOutside) Validate(ctx context.Context, attributes admission.Attributes, o admission.ObjectInterfaces) error {
	chain, ok := a.Interface.(admission.ValidationInterface)
	if !ok {
		return nil
	}
	return fair.Of(ctx).Outside(ctx, func() error { return chain.Validate(ctx, attributes, o) })
}
