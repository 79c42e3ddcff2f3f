// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conformance runs the tests that k8s.io/apiserver has for its own stores on
// Muster's reader, so that a client cannot distinguish the two. The package has only tests:
// suite_test.go lists those that run, omissions_test.go those that do not, and why.
package conformance

import (
	"context"
	"testing"

	"k8s.io/apiserver/pkg/storage"
	upstream "k8s.io/apiserver/pkg/storage/testing"
)

// plain are tests that need only a store.
var plain = map[string]func(context.Context, *testing.T, storage.Interface){
	"RunTestCreateWithKeyExist":                               upstream.RunTestCreateWithKeyExist,
	"RunTestGet":                                              upstream.RunTestGet,
	"RunTestUnconditionalDelete":                              upstream.RunTestUnconditionalDelete,
	"RunTestConditionalDelete":                                upstream.RunTestConditionalDelete,
	"RunTestDeleteWithSuggestion":                             upstream.RunTestDeleteWithSuggestion,
	"RunTestDeleteWithSuggestionAndConflict":                  upstream.RunTestDeleteWithSuggestionAndConflict,
	"RunTestDeleteWithConflict":                               upstream.RunTestDeleteWithConflict,
	"RunTestDeleteWithSuggestionOfDeletedObject":              upstream.RunTestDeleteWithSuggestionOfDeletedObject,
	"RunTestValidateDeletionWithSuggestion":                   upstream.RunTestValidateDeletionWithSuggestion,
	"RunTestValidateDeletionWithOnlySuggestionValid":          upstream.RunTestValidateDeletionWithOnlySuggestionValid,
	"RunTestPreconditionalDeleteWithSuggestion":               upstream.RunTestPreconditionalDeleteWithSuggestion,
	"RunTestPreconditionalDeleteWithOnlySuggestionPass":       upstream.RunTestPreconditionalDeleteWithOnlySuggestionPass,
	"RunTestGetListRecursivePrefix":                           upstream.RunTestGetListRecursivePrefix,
	"RunTestGuaranteedUpdateWithConflict":                     upstream.RunTestGuaranteedUpdateWithConflict,
	"RunTestGuaranteedUpdateWithSuggestionAndConflict":        upstream.RunTestGuaranteedUpdateWithSuggestionAndConflict,
	"RunTestListPaging":                                       upstream.RunTestListPaging,
	"RunTestNamespaceScopedList":                              upstream.RunTestNamespaceScopedList,
	"RunTestKeySchema":                                        upstream.RunTestKeySchema,
	"RunTestWatch":                                            upstream.RunTestWatch,
	"RunTestDeleteTriggerWatch":                               upstream.RunTestDeleteTriggerWatch,
	"RunTestWatchFromNonZero":                                 upstream.RunTestWatchFromNonZero,
	"RunTestDelayedWatchDelivery":                             upstream.RunTestDelayedWatchDelivery,
	"RunTestWatchContextCancel":                               upstream.RunTestWatchContextCancel,
	"RunTestWatcherTimeout":                                   upstream.RunTestWatcherTimeout,
	"RunTestWatchDeleteEventObjectHaveLatestRV":               upstream.RunTestWatchDeleteEventObjectHaveLatestRV,
	"RunTestWatchInitializationSignal":                        upstream.RunTestWatchInitializationSignal,
	"RunTestClusterScopedWatch":                               upstream.RunTestClusterScopedWatch,
	"RunTestNamespaceScopedWatch":                             upstream.RunTestNamespaceScopedWatch,
	"RunTestOptionalWatchBookmarksWithCorrectResourceVersion": upstream.RunTestOptionalWatchBookmarksWithCorrectResourceVersion,
}

// serial are plain tests that set feature gates, which all tests of a process share.
var serial = map[string]func(context.Context, *testing.T, storage.Interface){
	"RunSendInitialEventsBackwardCompatibility": upstream.RunSendInitialEventsBackwardCompatibility,
	"RunWatchSemantics":                         upstream.RunWatchSemantics,
	"RunWatchSemanticInitialEventsExtended":     upstream.RunWatchSemanticInitialEventsExtended,
	"RunWatchListMatchSingle":                   upstream.RunWatchListMatchSingle,
}

// hooked are tests that look behind the store, or change something there.
var hooked = map[string]func(context.Context, *testing.T, *pods){
	"RunTestCreate": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestCreate(ctx, t, p, func(context.Context, *testing.T, string) {})
	},
	"RunTestList": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestList(ctx, t, p, p.compact, false, nil)
	},
	"RunTestConsistentList": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestConsistentList(ctx, t, p, p.increase, true, true, true)
	},
	"RunTestGetListNonRecursive": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestGetListNonRecursive(ctx, t, p.increase, p)
	},
	"RunTestListContinuation": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestListContinuation(ctx, t, p, nil)
	},
	"RunTestListPaginationRareObject": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestListPaginationRareObject(ctx, t, p, nil)
	},
	"RunTestListContinuationWithFilter": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestListContinuationWithFilter(ctx, t, p, nil)
	},
	"RunTestListInconsistentContinuation": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestListInconsistentContinuation(ctx, t, p, p.compact)
	},
	"RunTestCompactRevision": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestCompactRevision(ctx, t, p, p.increase, p.compact)
	},
	"RunTestWatchFromZero": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestWatchFromZero(ctx, t, p, p.compact)
	},
	"RunTestWatchDispatchBookmarkEvents": func(ctx context.Context, t *testing.T, p *pods) {
		upstream.RunTestWatchDispatchBookmarkEvents(ctx, t, p, true)
	},
}

func TestUpstreamsSuite(t *testing.T) {
	for name, test := range serial {
		t.Run(name, func(t *testing.T) { test(t.Context(), t, newPods(t)) })
	}
	run := func(name string, test func(context.Context, *testing.T, *pods)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t.Context(), t, newPods(t))
		})
	}
	for name, test := range plain {
		run(name, func(ctx context.Context, t *testing.T, p *pods) { test(ctx, t, p) })
	}
	for name, test := range hooked {
		run(name, test)
	}
}
