// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"unique"

	"github.com/google/uuid"

	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
	"github.com/musterfleet/muster/pkg/registry/record"
	"github.com/musterfleet/muster/pkg/registry/reports"
)

// Report is an agent's report on a BundleDeployment. A view may hold a million, so a Report
// holds the encoded record, which takes a twentieth of the decoded one. The digest, on which
// other objects depend, is always decoded. The rest is decoded for each caller in a few
// microseconds, and not kept. A Report is immutable.
type Report struct {
	Revision int64

	kept record.Kept
	// digest is shared by all reports with an equal digest.
	digest unique.Handle[reports.Digest]
}

// Size returns roughly how many bytes of JSON a long report has.
func (r *Report) Size() int64 { return int64(len(r.kept)) }

// NewReport returns the report in a record. It decodes the record once, so that decoding it
// later cannot fail.
func NewReport(data []byte, revision int64) (*Report, error) {
	kept, r, err := record.Keep(data, func(r *record.Report) string { return statusOn(r).AppliedDeploymentID }, briefOf)
	if err != nil {
		return nil, err
	}
	return &Report{Revision: revision, kept: kept, digest: unique.Make(reports.DigestOf(statusOn(r)))}, nil
}

// briefFrom is the size in bytes of JSON from which a report also keeps its brief: the part
// that roll-ups read. They then need not decode the whole report.
const briefFrom = 64 << 10

func briefOf(r *record.Report) *record.Report {
	if r.Size < briefFrom {
		return nil
	}
	return &record.Report{Status: &v1alpha1.BundleDeployment{Status: *reports.Brief(statusOn(r))}}
}

func statusOn(r *record.Report) *v1alpha1.BundleDeploymentStatus {
	return &r.Status.(*v1alpha1.BundleDeployment).Status
}

// Digest returns the part of the report that roll-ups count and roll-outs decide by.
func (r *Report) Digest() reports.Digest { return r.digest.Value() }

// Read decodes the report. The caller may modify the result, except for the field sets in
// its managed fields.
func (r *Report) Read() *record.Report {
	out, err := r.kept.Report(r.digest.Value().Applied)
	if err != nil {
		panic(fmt.Sprintf("view: cannot decode a report that was decoded before: %v", err))
	}
	return out
}

// Brief decodes the part of the status that roll-ups read, at a bounded cost. It may return
// the whole status.
func (r *Report) Brief() *v1alpha1.BundleDeploymentStatus {
	out, err := r.kept.Brief(r.digest.Value().Applied)
	if err != nil {
		panic(fmt.Sprintf("view: cannot decode the brief of a report: %v", err))
	}
	return statusOn(out)
}

// On reports whether the report is on the BundleDeployment with this identity, and not on
// an earlier one with the same name.
func (r *Report) On(identity uuid.UUID) bool { return r.kept.UID() == identity }

// reportWeight is the size of a report in memory without its record. It includes the
// digest, if no other report has an equal one.
const reportWeight = 64

// size returns the memory that the report takes, in bytes.
func (r *Report) size() int { return reportWeight + len(r.kept) }
