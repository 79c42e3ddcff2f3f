// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/test/e2e/cluster"
)

func TestMain(m *testing.M) {
	klog.SetLogger(klog.Logger{}) // client-go logs each watch that ends
	cluster.Main(m, func(cluster.T) {})
}

// exampleEtcd are the addresses of etcd on the pages.
const exampleEtcd = "https://10.0.0.11:2379,https://10.0.0.12:2379,https://10.0.0.13:2379"

// operator follows pages, with the programs that they name.
type operator struct {
	*cluster.Shell
	node *cluster.Node
	etcd *cluster.Etcd
	// addresses replace those of etcd that the pages and artifacts have as an example.
	addresses string
}

// newOperator returns an operator with a cluster, an etcd and the files that install.md asks
// for.
func newOperator(t *testing.T) *operator {
	t.Helper()
	control := cluster.Start(t)
	etcd := cluster.StartEtcd(t, 1, cluster.EtcdOptions{Args: []string{"--quota-backend-bytes=8589934592"}}) // as install.md says
	control.StartWorkloads(t)
	o := &operator{Shell: cluster.NewShell(t, cluster.ServerName, "kubectl", "helm"), node: cluster.StartNode(t, control), etcd: etcd, addresses: strings.Join(etcd.Endpoints(), ",")}
	o.Administrator(t, control)
	o.Set("GIT_DIR", filepath.Join(cluster.Checkout(t), ".git")) // the pages are followed in a checkout
	ca := cluster.NewCA("muster")
	serving := ca.Serving(cluster.ServerName, cluster.ServerName+"."+cluster.Namespace+".svc")
	for name, content := range map[string][]byte{
		"etcd-ca.crt": etcd.CA.PEM, "etcd-client.crt": file(t, etcd.CertFile), "etcd-client.key": file(t, etcd.KeyFile),
		"server.crt": serving.Certificate, "server.key": serving.Key, "ca.crt": ca.PEM,
	} {
		o.Write(t, name, content)
	}
	require.NoError(t, os.CopyFS(filepath.Join(o.Dir, "artifacts"), os.DirFS(filepath.Join(cluster.Checkout(t), "artifacts"))))
	return o
}

func file(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

// edit replaces a text everywhere in a file.
func (o *operator) edit(t *testing.T, name, old, now string) {
	t.Helper()
	path := filepath.Join(o.Dir, name)
	text := file(t, path)
	require.Contains(t, string(text), old, name)
	require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(now)), 0o600))
}

// expectation says how a step must end.
type expectation struct {
	// before runs before the step.
	before func()
	// says are parts of the output, and says not what must not be in it.
	says, not []string
	// is, if it is not empty, is all of the output.
	is string
	// refused is true if the last command answers "no" by its exit code.
	refused bool
}

// follow runs the steps of a page in order, from one to another: the same if only one. It
// fails if an expectation is about no step.
func (o *operator) follow(t *testing.T, page, from, to string, expect map[string]expectation) {
	t.Helper()
	inside, done, met := false, false, 0
	for _, block := range cluster.Page(t, page) {
		inside = inside || block.Name == from
		if !inside || done {
			continue
		}
		done = block.Name == to
		want, expected := expect[block.Name]
		if expected {
			met++
		}
		if want.before != nil {
			want.before()
		}
		out := o.run(t, page+": "+block.Name, block.Script, want.refused)
		if want.is != "" {
			require.Equal(t, want.is, out, "%s: %s", page, block.Name)
		}
		for _, text := range want.says {
			require.Contains(t, out, text, "%s: %s", page, block.Name)
		}
		for _, text := range want.not {
			require.NotContains(t, out, text, "%s: %s", page, block.Name)
		}
	}
	require.True(t, done, "%s has no steps from %s to %s", page, from, to)
	require.Equal(t, len(expect), met, "%s has no step for an expectation", page)
}

// run runs a script, which may have to be refused, and returns its output.
func (o *operator) run(t *testing.T, name, script string, refused bool) string {
	t.Helper()
	begun := time.Now()
	out, err := o.Try(t, strings.ReplaceAll(script, exampleEtcd, o.addresses))
	if refused {
		require.Error(t, err, "%s\n%s\n%s", name, script, out)
	} else {
		require.NoError(t, err, "%s\n%s\n%s\n%s", name, script, out, o.node.Logs())
	}
	t.Logf("%s (%.1f s)\n%s", name, time.Since(begun).Seconds(), out)
	return out
}

// checkOut makes the checkout one of another version.
func (o *operator) checkOut(t *testing.T, version string) {
	t.Helper()
	o.run(t, "check out "+version, "unset GIT_DIR; git init --quiet "+version+"; cd "+version+
		"; git -c user.name=me -c user.email=me@example.com commit --quiet --allow-empty --message=release; git tag "+version, false)
	o.Set("GIT_DIR", filepath.Join(o.Dir, version, ".git"))
}

// loseEtcd replaces etcd by an empty one.
func (o *operator) loseEtcd(t *testing.T) {
	t.Helper()
	o.etcd.Member(0).Kill()
	require.NoError(t, os.RemoveAll(o.etcd.DataDir(0)))
	require.NoError(t, o.etcd.Member(0).Start())
	require.NoError(t, o.etcd.WaitReady(t.Context(), 0))
}
