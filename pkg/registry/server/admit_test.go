// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiserver/pkg/admission"

	"github.com/musterfleet/muster/pkg/registry/fair"
)

var errNotAllowed = errors.New("not allowed")

// webhook records whether turns are free while it runs, and refuses.
type webhook struct {
	*admission.Handler
	asked func()
}

func (w webhook) Admit(context.Context, admission.Attributes, admission.ObjectInterfaces) error {
	w.asked()
	return nil
}

func (w webhook) Validate(context.Context, admission.Attributes, admission.ObjectInterfaces) error {
	w.asked()
	return errNotAllowed
}

func TestNoTurnIsHeldWhileAWebhookIsAsked(t *testing.T) {
	t.Parallel()
	heavy := fair.NewBudget(1, 1)
	client := (&fair.Limits{Heavy: heavy}).NewClient("a", 1)
	defer client.Close()
	ctx := client.In(t.Context())
	require.NoError(t, client.Object(ctx, 1<<20))
	require.False(t, free(t, heavy, 1))
	asked := 0
	chain := admittedOutside{webhook{admission.NewHandler(admission.Create), func() {
		asked++
		require.True(t, free(t, heavy, 1))
	}}}
	require.True(t, chain.Handles(admission.Create))
	require.False(t, chain.Handles(admission.Delete))
	require.NoError(t, chain.Admit(ctx, nil, nil))
	require.False(t, free(t, heavy, 1), "the rest of the request holds its turn again")
	require.ErrorIs(t, chain.Validate(ctx, nil, nil), errNotAllowed)
	require.Equal(t, 2, asked)
	require.NoError(t, admittedOutside{admission.NewHandler(admission.Create)}.Admit(ctx, nil, nil), "a chain that only validates")
}
