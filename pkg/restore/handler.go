// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/musterfleet/muster/pkg/registry/engine"
	"github.com/musterfleet/muster/pkg/registry/record"
)

// Path is where Handler answers.
const Path = "/restore"

// maxList is the most bytes of a list that a client may send: enough for two million lines.
const maxList = 256 << 20

// Handler returns what agents would do, as text. GET compares what etcd holds with what this
// replica showed before it was closed, and POST with the list in the body: a line with
// NAMESPACE/NAME and the deployment ID for each BundleDeployment. The caller must guard it by
// authorization, because it names all BundleDeployments.
func Handler(e *engine.Engine) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		switch req.Method {
		case http.MethodGet:
			answer(w, e)
		case http.MethodPost:
			compare(w, req, e)
		default:
			w.Header().Set("Allow", "GET, POST")
			http.Error(w, "GET compares with what this replica last showed, POST with the list in the body", http.StatusMethodNotAllowed)
		}
	})
}

func answer(w http.ResponseWriter, e *engine.Engine) {
	closed := e.Restored()
	if closed == nil {
		if err := e.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "This replica is not closed: clients see what etcd holds.")
		return
	}
	if closed.Shown == nil {
		fmt.Fprintln(w, "This replica has started since, and does not know what clients were shown. Ask another one, or send a list that was saved.")
		return
	}
	say(w, engine.DeploymentsOf(closed.Shown), engine.DeploymentsOf(closed.View))
}

func compare(w http.ResponseWriter, req *http.Request, e *engine.Engine) {
	before, err := parse(http.MaxBytesReader(w, req.Body, maxList))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if closed := e.Restored(); closed != nil {
		say(w, before, engine.DeploymentsOf(closed.View))
		return
	}
	v, err := e.Current()
	if err == nil {
		err = e.Ready()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	say(w, before, engine.DeploymentsOf(v))
}

// say writes each difference in a line, and then what all of them are.
func say(w io.Writer, before, after engine.Deployments) {
	out := bufio.NewWriter(w)
	all := engine.Compare(before, after, func(name record.Name, was, is string) {
		switch {
		case was == "":
			fmt.Fprintln(out, "install", name, is)
		case is == "":
			fmt.Fprintln(out, "uninstall", name, was)
		default:
			fmt.Fprintln(out, "change", name, was, is)
		}
	})
	fmt.Fprintf(out, "Agents would %s.\n", all)
	_ = out.Flush() // a client that has gone away needs no answer
}

// parse reads a list, in any order. A name that occurs twice is an error, because the list is
// then not one of BundleDeployments.
func parse(from io.Reader) (engine.Deployments, error) {
	type deployment struct {
		name record.Name
		id   string
	}
	var all []deployment
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 {
			continue
		}
		namespace, name, ok := strings.Cut(fields[0], "/")
		if !ok || len(fields) != 2 {
			return nil, fmt.Errorf("line %d: %q must be NAMESPACE/NAME and a deployment ID", n, lines.Text())
		}
		all = append(all, deployment{record.Name{Namespace: namespace, Name: name}, fields[1]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	slices.SortFunc(all, func(a, b deployment) int { return a.name.Compare(b.name) })
	for i := 1; i < len(all); i++ {
		if all[i].name == all[i-1].name {
			return nil, fmt.Errorf("%s occurs twice in the list: send the list of one cluster, once", all[i].name)
		}
	}
	return func(yield func(record.Name, string) bool) {
		for _, each := range all {
			if !yield(each.name, each.id) {
				return
			}
		}
	}, nil
}
