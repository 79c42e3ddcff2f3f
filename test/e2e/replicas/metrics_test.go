// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package replicas

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/musterfleet/muster/pkg/registry/kinds"
	"github.com/musterfleet/muster/test/e2e/cluster"
	"github.com/musterfleet/muster/test/poll"
)

// scrape returns the metrics of a program.
func scrape(ctx context.Context, config *rest.Config) (string, error) {
	return scrapePath(ctx, config, "/metrics")
}

func scrapePath(ctx context.Context, config *rest.Config, path string) (string, error) {
	a, err := ask(ctx, config, http.MethodGet, path, "")
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s answers %d: %s", path, a.status, a.body)
	}
	if err != nil {
		return "", err
	}
	return a.body, nil
}

// scrapeWith returns the first metrics of a program that contain a text. The program must
// answer each scrape.
func scrapeWith(t *testing.T, config *rest.Config, text string) string {
	t.Helper()
	var scraped string
	poll.Eventually(t, within, func(ctx context.Context) (err error) {
		if scraped, err = scrape(ctx, config); err != nil {
			return poll.Stop(err)
		}
		if !strings.Contains(scraped, text) {
			return fmt.Errorf("the metrics do not contain %q", text)
		}
		return nil
	})
	return scraped
}

// readMetric returns the value of a series.
func readMetric(ctx context.Context, config *rest.Config, name string) (float64, error) {
	scraped, err := scrape(ctx, config)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(scraped) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("no metric %s", name)
}

func metric(t *testing.T, config *rest.Config, name string) float64 {
	t.Helper()
	value, err := readMetric(t.Context(), config, name)
	require.NoError(t, err)
	return value
}

// documented matches the rows of both tables of docs/metrics.md: name, and labels.
var documented = regexp.MustCompile("(?m)^\\| `(muster_[a-z_]+)`(?: \\||,) (?:gauge|counter|histogram),?(?: by ([^|]*))? *\\|")

var quoted = regexp.MustCompile("`([a-z_]+)`")

// series returns the metrics of a section of docs/metrics.md, with the labels of each.
func series(section string) map[string][]string {
	out := map[string][]string{}
	for _, row := range documented.FindAllStringSubmatch(section, -1) {
		labels := []string{}
		for _, label := range quoted.FindAllStringSubmatch(row[2], -1) {
			labels = append(labels, label[1])
		}
		out[row[1]] = labels
	}
	return out
}

func TestAFreshProgramServesEachDocumentedMetric(t *testing.T) {
	m, etcd := install(t, 1, cluster.EtcdOptions{}, cluster.Options{Replicas: 1, Components: []string{"controller"}})
	page, err := os.ReadFile(filepath.Join(cluster.Checkout(t), "docs", "metrics.md"))
	require.NoError(t, err)
	general, own, found := strings.Cut(string(page), "\n## Certificates\n")
	require.True(t, found)
	own, ofFleet, found := strings.Cut(own, "\n## Fleet's metrics\n")
	require.True(t, found)

	controller, address := control.ServeController(t, etcd, "controller", "--leader-elect=true")
	require.Eventually(t, func() bool { return strings.Contains(controller.Log(), `"Ready"`) }, within, pace, "%s", controller.Tail())
	_, _, err = control.Kubectl("create", "serviceaccount", "-n", cluster.Namespace, "prometheus")
	require.NoError(t, err)
	_, _, err = control.Kubectl("create", "clusterrolebinding", "prometheus", "--clusterrole=cluster-admin", "--serviceaccount="+cluster.Namespace+":prometheus")
	require.NoError(t, err)
	t.Cleanup(func() { _, _, _ = control.Kubectl("delete", "clusterrolebinding", "prometheus") })
	prometheus := control.AsAccount(t, cluster.Namespace, "prometheus")
	prometheus.Host, prometheus.TLSClientConfig = "https://"+address, rest.TLSClientConfig{Insecure: true}

	// Each program learns from a member of etcd how full it is.
	const full = "\nmuster_etcd_full "
	ofReplica, ofController := scrapeWith(t, m.Replicas()[0].Direct(control.Config), full), scrapeWith(t, prometheus, full)
	all := series(general)
	require.Greater(t, len(all), 20)
	for name, labels := range all {
		requireSeries(t, ofReplica, name, labels)
	}
	require.Len(t, series(own), 5)
	requireSeries(t, ofReplica, "muster_certificate_expiration_timestamp_seconds", []string{"certificate"})
	for name, labels := range series(own) {
		requireSeries(t, ofController, name, labels)
	}
	shared, _, found := strings.Cut(general, "| `muster_watches`")
	require.True(t, found)
	for name, labels := range series(shared) {
		requireSeries(t, ofController, name, labels)
	}

	for program, scraped := range map[string]string{cluster.ServerName: ofReplica, "muster-controller": ofController} {
		version, err := exec.CommandContext(t.Context(), cluster.Built(t, program), "--version").Output()
		require.NoError(t, err)
		require.Contains(t, scraped, `version="`+strings.TrimSpace(strings.TrimPrefix(string(version), program))+`"} 1`)
		require.Contains(t, scraped, "\nmuster_build_info{")
		require.NotContains(t, scraped, "kubernetes_build_info", "its version would be wrong")
	}

	// These need nothing else than this installation.
	t.Run("the leader has Fleet's metrics", func(t *testing.T) { testFleetMetrics(t, m, etcd, prometheus, controller, ofFleet) })
	t.Run("certificates that expire are named before and after", func(t *testing.T) { testExpiry(t, m, etcd) })
}

// requireSeries checks that a scrape has a metric: one by resource, with all resources.
func requireSeries(t *testing.T, scraped, name string, labels []string) {
	t.Helper()
	if len(labels) == 0 {
		require.Regexp(t, `(?m)^`+name+`(_count)? `, scraped)
		return
	}
	for _, label := range labels {
		require.Regexp(t, `(?m)^`+name+`\{[^}]*\b`+label+`="`, scraped)
	}
	if labels[0] != "resource" {
		return
	}
	for _, kind := range kinds.All() {
		if kind.Plural == "contents" { // etcd alone holds and counts them
			continue
		}
		require.Contains(t, scraped, name+`{resource="`+kind.Plural+`"`)
	}
}
