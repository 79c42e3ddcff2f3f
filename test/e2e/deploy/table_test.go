// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package deploy

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/musterfleet/muster/test/poll"
)

var (
	columns = regexp.MustCompile(` {3,}`)
	moment  = regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
)

// table returns what kubectl shows of the workspace: a line for each object, its columns
// between bars, without those of other workspaces. Times are replaced by "TIME", and the
// namespace of the Cluster by "CLUSTER".
func (w *workspace) table() ([]string, error) {
	out, _, err := control.Kubectl("get", "bundles,clusters,gitrepos,bundledeployments", "-A")
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.SplitSeq(out, "\n") {
		namespace, _, _ := strings.Cut(line, " ")
		if namespace != w.name && namespace != w.at {
			continue
		}
		line = strings.Replace(line, w.at, "CLUSTER", 1)
		line = moment.ReplaceAllString(line, "TIME")
		lines = append(lines, columns.ReplaceAllString(strings.TrimRight(line, " "), " | "))
	}
	return lines, nil
}

func (w *workspace) shows(t *testing.T, wanted ...string) {
	t.Helper()
	poll.Eventually(t, within, func(context.Context) error {
		lines, err := w.table()
		if err == nil && !slices.Equal(lines, wanted) {
			err = fmt.Errorf("kubectl get shows\n%s\ninstead of\n%s\n%s", strings.Join(lines, "\n"), strings.Join(wanted, "\n"), w.agent.Tail())
		}
		return err
	})
}
