// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package record says what is in etcd: the keys, and the encoding of each kind
// of record. Records are split by who writes them and how often, so that a
// heartbeat never touches what targets:
//
//	PREFIX/log/object/RESOURCE/NAMESPACE/NAME   metadata and spec, by the main resource
//	PREFIX/log/report/RESOURCE/NAMESPACE/NAME   what was written through /status
//	PREFIX/log/pin/bundles/NAMESPACE/NAME       the newest version fails; the last that worked
//	PREFIX/log/pin/clusters/NAMESPACE/NAME      last good options of a Cluster's BundleDeployments
//	PREFIX/log/mirror/namespaces/-/NAME         labels of a Namespace, an outside fact
//	PREFIX/log/mirror/secrets/NAMESPACE/NAME.HASH  data of a Bundle's values Secret, by their hash
//	PREFIX/log/mirror/downstream/NAMESPACE/NAME a BundleDeployment's copies: which are held, how often they changed
//	PREFIX/log/promotion/bundledeployments/NAMESPACE/NAME  what a roll-out has let through to it
//	PREFIX/log/rollout/bundles/NAMESPACE/NAME   the last fully promoted version, while newer ones are held back
//	PREFIX/log/guard/rollout/NAMESPACE/NAME     bumped by what brings a Bundle's roll-out closer to its limits
//	PREFIX/log/holder/bundledeployments/NAMESPACE/NAME  which of several claims has a name
//	PREFIX/log/guard/names/-/NAME               bumped by what lets Bundles of a name claim more
//	PREFIX/log/guard/targeting/-/-              bumped by writes that can widen targeting
//	PREFIX/log/guard/versions/-/-               bumped by writes of versions that can fail
//	PREFIX/log/guard/removal/-/TYPE.RESOURCE    bumped by deletions of such records, which no guard of a range sees
//	PREFIX/content/ID                           gzip of a manifest, by its ID, with the time in its header; not watched
//
// The engine watches PREFIX/log/ and nothing else. Values are JSON: a person
// with etcdctl can read them. The first member, "v", is the format that a reader has
// to know; a record of a newer one is never passed over (ErrNewer). A member that a
// reader does not have to know keeps the format, and an older version ignores it.
// How an object was written, where its fields do not say it (pkg/apis/fleet/schema), is a
// member of its record and no part of the object. Pins, promotions, rollout records and
// mirrors are packed where they are long, and objects where they are very long: the same
// JSON, in compression. Reports, of which there are the most by far, are the
// same JSON in a compact form: a tenth of what their object takes. Memory holds those on
// BundleDeployments in that form too, less what they share, and beside a large one the part
// of it that roll-ups read (Kept).
//
//	key.go             keys
//	format.go          formats, and records of a newer one
//	resources.go       which type each resource has
//	record.go          objects and pins
//	report.go          reports
//	report_compact.go  their compact form
//	report_pack.go     its values, apart from its text
//	report_read.go     reads a report without reflection
//	report_tokens.go   the tokens of that
//	report_kept.go     Kept: reports in memory
//	promotion.go       promotions, and the last fully promoted version
//	mirror.go          copies of outside facts
//	holder.go          holders of names
//	packed.go          compression of long records
//
// Everything here is pure and safe for concurrent use. A decoded record is
// immutable by convention: it is shared by every view that holds it.
package record
