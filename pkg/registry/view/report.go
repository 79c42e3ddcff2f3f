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

// Report is an agent's report on a BundleDeployment. There may be a million, so it
// holds the record and not what that decodes to, a twentieth of the size. What changes
// of other objects depend on is at hand; all else is decoded for who asks, in some
// microseconds, and not kept. It is immutable.
type Report struct {
	// Revision is that of the record.
	Revision int64

	kept record.Kept
	// digest is shared by all reports that have an equal one.
	digest unique.Handle[reports.Digest]
}

// Size is about how many bytes of JSON the report has, if it is long.
func (r *Report) Size() int64 { return int64(len(r.kept)) }

// NewReport decodes a record once, so that it can be decoded ever after, and returns
// what to keep of it.
func NewReport(data []byte, revision int64) (*Report, error) {
	kept, r, err := record.Keep(data, func(r *record.Report) string { return statusOn(r).AppliedDeploymentID }, briefOf)
	if err != nil {
		return nil, err
	}
	return &Report{Revision: revision, kept: kept, digest: unique.Make(reports.DigestOf(statusOn(r)))}, nil
}

// briefFrom is from how many bytes of JSON on what roll-ups read of a report is kept
// beside it, so that they do not decode it all.
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

// Digest is what of the report decides and is counted.
func (r *Report) Digest() reports.Digest { return r.digest.Value() }

// Read decodes the report anew: it is the caller's own, but for the field sets of its
// managed fields.
func (r *Report) Read() *record.Report {
	out, err := r.kept.Report(r.digest.Value().Applied)
	if err != nil {
		panic(fmt.Sprintf("view: a report that was decoded before cannot be: %v", err))
	}
	return out
}

// Brief decodes what roll-ups read of what the agent says, at a bounded cost. It may be all
// of it.
func (r *Report) Brief() *v1alpha1.BundleDeploymentStatus {
	out, err := r.kept.Brief(r.digest.Value().Applied)
	if err != nil {
		panic(fmt.Sprintf("view: a part of a report that was made before cannot be decoded: %v", err))
	}
	return statusOn(out)
}

// On reports whether the report is on the BundleDeployment of an identity, and not on an
// earlier one of its name.
func (r *Report) On(identity uuid.UUID) bool { return r.kept.UID() == identity }

// reportWeight is a report in memory without its record, and its digest where it has that
// alone.
const reportWeight = 64

// size is how much memory the report takes.
func (r *Report) size() int { return reportWeight + len(r.kept) }
