// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"
)

// Journal keeps which errors the programs log, and which answers they get. It may be used
// by several programs at the same time.
type Journal struct {
	mu struct {
		sync.Mutex
		errors  map[string]int
		answers map[string]int
	}
}

// NewJournal returns an empty Journal.
func NewJournal() *Journal {
	j := &Journal{}
	j.mu.errors, j.mu.answers = map[string]int{}, map[string]int{}
	return j
}

// fleeting matches what differs between two lines of one error.
var fleeting = regexp.MustCompile(` "reconcileID"="[^"]*"`)

// Logger returns the logger of a program. It keeps errors and drops everything else.
func (j *Journal) Logger(program string) logr.Logger {
	return funcr.New(func(_, line string) {
		if strings.HasPrefix(line, `"level"=`) {
			return
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		j.mu.errors[program+": "+fleeting.ReplaceAllString(line, "")]++
	}, funcr.Options{})
}

// Errors returns how often each error was logged.
func (j *Journal) Errors() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.mu.errors)
}

// Answers returns how often each request of a program was answered, as "PROGRAM VERB
// RESOURCE CODE".
func (j *Journal) Answers() map[string]int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return maps.Clone(j.mu.answers)
}

// Table returns the answers as lines in the order of their text.
func (j *Journal) Table() string {
	answers, text := j.Answers(), &strings.Builder{}
	for _, answer := range slices.Sorted(maps.Keys(answers)) {
		fmt.Fprintf(text, "%6d %s\n", answers[answer], answer)
	}
	return text.String()
}

// Watch returns the configuration of a program whose answers are counted.
func (j *Journal) Watch(program string, config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &counter{j, program, next} })
	return config
}

type counter struct {
	journal *Journal
	program string
	next    http.RoundTripper
}

var requests = &request.RequestInfoFactory{APIPrefixes: sets.NewString("apis", "api"), GrouplessAPIPrefixes: sets.NewString("api")}

func (c *counter) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.next.RoundTrip(r)
	what := r.Method + " " + r.URL.Path
	if info, wrong := requests.NewRequestInfo(r); wrong == nil && info.IsResourceRequest {
		what = info.Verb + " " + info.Resource
		if info.Subresource != "" {
			what += "/" + info.Subresource
		}
	}
	answer := "no answer"
	if err == nil {
		answer = fmt.Sprint(response.StatusCode)
	}
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	c.journal.mu.answers[c.program+" "+what+" "+answer]++
	return response, err
}
