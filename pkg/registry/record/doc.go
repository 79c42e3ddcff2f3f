// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package record defines what etcd holds: the keys, and the encoding of each kind of
// record. Records are split by their writers and by how often those write, so that a
// heartbeat never touches a record that takes part in targeting:
//
//	PREFIX/log/object/RESOURCE/NAMESPACE/NAME   metadata and spec, by the main resource
//	PREFIX/log/report/RESOURCE/NAMESPACE/NAME   the status, as written through /status
//	PREFIX/log/pin/bundles/NAMESPACE/NAME       the last version that worked, while the newest fails
//	PREFIX/log/pin/clusters/NAMESPACE/NAME      last good options of a Cluster's BundleDeployments
//	PREFIX/log/mirror/namespaces/-/NAME         labels of a Namespace, an outside fact
//	PREFIX/log/mirror/secrets/NAMESPACE/NAME.HASH  data of a Bundle's values Secret, by its hash
//	PREFIX/log/mirror/downstream/NAMESPACE/NAME a BundleDeployment's copies: which are held, how often they changed
//	PREFIX/log/promotion/bundledeployments/NAMESPACE/NAME  what a roll-out has let through to it
//	PREFIX/log/rollout/bundles/NAMESPACE/NAME   the last fully promoted version, while newer ones are held back
//	PREFIX/log/guard/rollout/NAMESPACE/NAME     bumped by writes that bring a Bundle's roll-out closer to its limits
//	PREFIX/log/holder/bundledeployments/NAMESPACE/NAME  which of several claims has a name
//	PREFIX/log/guard/names/-/NAME               bumped by writes that let Bundles with a name claim more
//	PREFIX/log/guard/targeting/-/-              bumped by writes that can widen targeting
//	PREFIX/log/guard/versions/-/-               bumped by writes of versions that can fail
//	PREFIX/log/guard/removal/-/TYPE.RESOURCE    bumped by deletions of such records, which no guard of a range sees
//	PREFIX/content/ID                           gzip of a manifest, by its ID, with the time in its header; not watched
//
// The engine watches only PREFIX/log/. Values are JSON, which an operator can read with
// etcdctl. Their first member, "v", is the format that a reader must know. A reader never
// passes over a record with a newer format (ErrNewer). A new member that a reader need not
// know keeps the format, and older versions ignore it. The form in which an object was
// written, where its fields do not show it (pkg/apis/fleet/schema), is a member of the
// record and not part of the object.
//
// Long pins, promotions, rollout records and mirrors, and very long objects, are packed: the
// same JSON, compressed. Reports, by far the most numerous records, are the same JSON in a
// compact form, which takes a tenth of the size of their object. Memory holds reports on
// BundleDeployments in that form too, without the parts that they share. A large one is held
// together with the part of it that roll-ups read (Kept).
//
//	key.go             keys
//	format.go          formats, and records of a newer one
//	resources.go       which type each resource has
//	record.go          objects and pins
//	report.go          reports
//	report_compact.go  the compact form of reports
//	report_pack.go     splits a report into its values and its text
//	report_read.go     reads a report without reflection
//	report_tokens.go   the tokens that it reads
//	report_kept.go     Kept: reports in memory
//	fields.go          the field sets of managed fields, shared
//	promotion.go       promotions, and the last fully promoted version
//	mirror.go          copies of outside facts
//	holder.go          holders of names
//	packed.go          compression of long records
//
// Every function is pure and safe for concurrent use. A decoded record is immutable by
// convention: all views that hold it share it.
package record
