// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package aggregation_test

// auditPolicy logs all requests in the namespaces of one test.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  namespaces: [audited]
- level: None
`
