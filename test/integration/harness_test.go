// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	allinone "github.com/musterfleet/muster/cmd/muster/app"
	"github.com/musterfleet/muster/cmd/muster/app/embedded"
	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/pkg/registry"
	"github.com/musterfleet/muster/pkg/registry/engine"
	musterserver "github.com/musterfleet/muster/pkg/registry/server"
)

// within bounds every wait for something that must happen soon.
const within = 30 * time.Second

// logPrefix is the prefix of the all-in-one's records.
const logPrefix = registry.DefaultPrefix

// server runs muster in this process.
type server struct {
	dataDir string
	config  *rest.Config
	etcd    *clientv3.Client
	cancel  context.CancelFunc
	done    chan error
	ended   bool
}

// settings returns the options of a muster on a directory. If the engine gets options too,
// no controllers run.
func settings(dataDir string, options *engine.Options) *allinone.Options {
	return &allinone.Options{DataDir: dataDir, WithoutControllers: options != nil, AdjustRegistry: func(c *registry.Config) {
		if options != nil {
			c.Engine = *options
		}
	}}
}

// launch starts muster and waits until it is ready.
func launch(options *allinone.Options) (*server, error) {
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{dataDir: options.DataDir, cancel: cancel, done: make(chan error, 1)}
	adjust := options.AdjustRegistry
	options.AdjustRegistry = func(c *registry.Config) {
		adjust(c)
		s.etcd = c.Client
	}
	options.BindAddress, options.Out, options.AdjustEtcd = allinone.DefaultBindAddress, in, embedded.WithoutSync
	go func() {
		err := allinone.Run(ctx, options)
		in.CloseWithError(err)
		s.done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "muster is ready on ") {
		err = fmt.Errorf("the server said %q", line)
	}
	if err == nil {
		s.config, err = clientcmd.BuildConfigFromFlags("", filepath.Join(s.dataDir, "kubeconfig"))
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.config.QPS = -1
	return s, nil
}

func (s *server) close() error {
	if s.ended {
		return nil
	}
	s.ended = true
	s.cancel()
	return <-s.done
}

// start runs a server for one test.
func start(t *testing.T, dataDir string, options *engine.Options) *server {
	t.Helper()
	return startWith(t, settings(dataDir, options))
}

// startWith is start with other options.
func startWith(t *testing.T, options *allinone.Options) *server {
	t.Helper()
	s, err := launch(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.close()) })
	return s
}

// own runs a fresh server with the default options.
func own(t *testing.T) *server {
	t.Helper()
	return start(t, t.TempDir(), nil)
}

// stop stops the server as a signal would.
func (s *server) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, s.close())
}

// restart stops the server and starts another on the same data.
func (s *server) restart(t *testing.T) *server {
	t.Helper()
	s.stop(t)
	return start(t, s.dataDir, nil)
}

var common struct {
	once   sync.Once
	server *server
	err    error
}

// shared returns the server that tests share.
func shared(t *testing.T) *server {
	t.Helper()
	common.once.Do(func() {
		dir, err := os.MkdirTemp("", "muster-integration-")
		if err != nil {
			common.err = err
			return
		}
		common.server, common.err = launch(settings(filepath.Join(dir, "data"), nil))
	})
	require.NoError(t, common.err)
	return common.server
}

func TestMain(m *testing.M) {
	flag.Parse()
	logged := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logged)
	_ = logged.Set("logtostderr", "false") // the flag exists
	_ = logged.Set("stderrthreshold", "FATAL")
	klog.SetOutput(io.Discard) // records that are skipped on purpose, and refused clients
	code := m.Run()
	if s := common.server; s != nil {
		if err := s.close(); err != nil {
			fmt.Fprintln(os.Stderr, "the shared server did not stop cleanly:", err)
			code = 1
		}
		_ = os.RemoveAll(filepath.Dir(s.dataDir)) // it is in the temporary folder anyway
	}
	if binary.dir != "" {
		_ = os.RemoveAll(binary.dir)
	}
	os.Exit(code)
}

// connection returns a configuration with a connection of its own: client-go shares one
// between configurations that do not say how they dial.
func (s *server) connection() *rest.Config {
	config := rest.CopyConfig(s.config)
	config.Dial = (&net.Dialer{}).DialContext
	return config
}

// clientset returns the typed client, on a connection of its own.
func (s *server) clientset(t *testing.T) versioned.Interface {
	t.Helper()
	c, err := versioned.NewForConfig(s.connection())
	require.NoError(t, err)
	return c
}

// apiRoot is the path of the API group's version.
const apiRoot = "/apis/fleet.cattle.io/v1alpha1"

var group = schema.GroupVersion{Group: "fleet.cattle.io", Version: "v1alpha1"}

// resource returns the untyped client of one resource in one namespace, or in all.
func (s *server) resource(t *testing.T, plural, namespace string) dynamic.ResourceInterface {
	t.Helper()
	c, err := dynamic.NewForConfig(s.connection())
	require.NoError(t, err)
	if namespace == "" {
		return c.Resource(group.WithResource(plural))
	}
	return c.Resource(group.WithResource(plural)).Namespace(namespace)
}

// raw returns a client that sends plain HTTP with the configuration's credentials.
func (s *server) raw(t *testing.T) *rest.RESTClient {
	t.Helper()
	config := s.connection()
	config.GroupVersion = &group
	config.APIPath = "/apis"
	config.NegotiatedSerializer = musterserver.Codecs.WithoutConversion()
	c, err := rest.RESTClientFor(config)
	require.NoError(t, err)
	return c
}

// once sends one request and returns a refusal as an error. Other clients of client-go
// retry when an error suggests a time.
func (s *server) once(t *testing.T, path string, query url.Values) error {
	t.Helper()
	request := s.raw(t).Get().AbsPath(path).MaxRetries(0)
	for key, values := range query {
		request = request.Param(key, values[0])
	}
	return request.Do(t.Context()).Error()
}

// revision returns the current revision of the server's etcd.
func (s *server) revision(t *testing.T) int64 {
	t.Helper()
	response, err := s.etcd.Get(t.Context(), "/", clientv3.WithCountOnly())
	require.NoError(t, err)
	return response.Header.Revision
}

var namespaces atomic.Int64

// fresh returns a namespace that no other test has.
func fresh(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("fleet-%d", namespaces.Add(1))
}
