// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/musterfleet/muster/pkg/generated/clientset/versioned"
	"github.com/musterfleet/muster/test/e2e/cluster"
)

// within bounds every wait for something that must happen.
const within = 2 * time.Minute

// All tests share these; each test has namespaces of its own.
var (
	control *cluster.ControlPlane
	muster  *cluster.Muster
	loops   *cluster.Process
	// api is a client with all rights.
	api      versioned.Interface
	programs *Programs
	jobs     *jobLog
)

func TestMain(m *testing.M) {
	if kubeconfig := os.Getenv(informersVariable); kubeconfig != "" {
		fmt.Fprintln(os.Stderr, runInformers(kubeconfig))
		os.Exit(1)
	}
	cluster.Main(m, func(t cluster.T) {
		// Tests wait for others most of the time.
		require.NoError(t, flag.Set("test.parallel", "8"))
		cluster.Program(t, "muster-agent")
		control = cluster.Start(t)
		control.StartJobs(t)
		store := cluster.StartEtcd(t, 1, cluster.EtcdOptions{})
		muster = cluster.Install(t, control, store, cluster.Options{Replicas: 1, Components: []string{"controller", "fleet-controllers", "agents-by-fleet"}})
		var err error
		api, err = versioned.NewForConfig(control.Config)
		require.NoError(t, err)
		loops = muster.StartController(t, cluster.Built(t, cluster.ControllerName))
		jobs = followJobs(t)
		programs = &Programs{
			Journal: NewJournal(), Remote: NewRemote(), Resync: resync,
			Settings: Settings{APIServerURL: control.Config.Host, APIServerCA: control.CA.PEM},
		}
		klog.SetLogger(programs.Journal.Logger("client-go"))
		log.SetLogger(programs.Journal.Logger("controller-runtime"))
		start(t, Gitjob, programs.Gitjob)
		start(t, Helmops, programs.Helmops)
		start(t, Agentmanagement, programs.Agentmanagement)
		start(t, kubeletName, func(ctx context.Context, _ *rest.Config) error {
			return programs.Kubelet(ctx, control.Config, control.Anonymous())
		})
		t.Cleanup(func() { requireSilence(t) })
	})
}

// resync is the time after which gitjob looks at each GitRepo again.
const resync = 10 * time.Second

// start runs a program with the rights of its account until the tests are over.
func start(t cluster.T, name string, run func(context.Context, *rest.Config) error) {
	t.Helper()
	config := control.Config
	if name != kubeletName {
		config = control.AsAccount(t, SystemNamespace, name)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var ran sync.WaitGroup
	ran.Go(func() {
		if err := run(ctx, config); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	t.Cleanup(func() { cancel(); ran.Wait() })
}

// complaint matches a line of klog at level E, W or F, and one of gRPC and of the standard
// log.
var complaint = regexp.MustCompile(`^([EWF]\d{4} |\d{4}/\d\d/\d\d )`)

// probe matches what a server logs when kube-apiserver asks several times at once whether it
// is available, and breaks off the other requests after the first answer.
var probe = regexp.MustCompile(`URI="/apis/fleet.cattle.io/v1alpha1"|path="/apis/fleet.cattle.io/v1alpha1"|http2: stream closed|http: Handler timeout`)

// stale matches the errors of a program whose cache is behind its own writes. Fleet's
// programs log them and try again, beside any server.
var stale = regexp.MustCompile(`the object has been modified|already exists`)

// repeats bounds how often a program may log such an error of one object.
const repeats = 5

// requireSilence fails if Muster complains, or if a program repeats an error.
func requireSilence(t cluster.T) {
	t.Helper()
	texts := map[string]string{"muster-controller": loops.Log()}
	for _, r := range muster.Replicas() {
		texts[r.Name] = r.Process.Log()
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			if complaint.MatchString(line) && !probe.MatchString(line) {
				t.Errorf("%s complains: %s", name, line)
			}
		}
	}
	for line, times := range programs.Journal.Errors() {
		if !stale.MatchString(line) || times > repeats {
			t.Errorf("logged %d times: %s", times, line)
		}
	}
	for answer, times := range programs.Journal.Answers() {
		if code := answer[strings.LastIndexByte(answer, ' ')+1:]; !expected[code] {
			t.Errorf("%d answers: %s", times, answer)
		}
	}
	t.Logf("answers to the programs:\n%s", programs.Journal.Table())
}

// expected are the codes that Fleet's programs count on. 409 is a conflict, or an object
// that exists already.
var expected = map[string]bool{"200": true, "201": true, "202": true, "404": true, "409": true}

func describe(object any) string { return fmt.Sprintf("%+v", object) }
