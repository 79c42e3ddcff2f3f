// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package reports reads what an agent reports on a BundleDeployment: its state, and the
// part that the roll-ups of other objects need (S 7.1).
//
//	state.go        the state and the display of a BundleDeployment; conditions
//	digest.go       what decides the state and is counted (Digest): equal for most reports
//	explanation.go  what explains a state that is not Ready (Explain)
//	brief.go        the objects that roll-ups list; a report without everything else (Brief)
//	text.go         the size of texts in JSON, and where long ones are cut
//
// Roll-ups read a bounded part of a report, so that one agent costs the others no more
// than any other does. A report of a real deployment reaches only the bound on texts. The
// BundleDeployment shows the whole report.
//
// All functions are pure, and safe for concurrent use. None writes to its arguments;
// results share texts and lists with them.
//
// Costs: the state takes nanoseconds; all else is O(size of the report) within the
// bounds.
package reports
