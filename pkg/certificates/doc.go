// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

// Package certificates reports when the certificates of a process expire, before they do.
// An expired certificate breaks nothing at once: connections that exist remain. It breaks
// the next connection, which may be that of a new process.
//
//	certificate.go  a certificate in use, and when it ends
//	watch.go        Watch: logs and metrics, from the first look to the last
//	check.go        the line in /readyz?verbose
//
// A Watch reads the certificates again every few seconds. So it follows a renewal, and
// reports the certificates of the next connection. It logs a warning from WarnBefore on and
// an error after the end, when that begins and then once a day.
//
// The metric is the end as a timestamp, and not the time that is left: it changes only with
// the certificate, and a query that subtracts time() is right at any time after the scrape.
//
// A Watch is safe for concurrent use, and it must be started once.
package certificates
