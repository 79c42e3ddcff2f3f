// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"k8s.io/apimachinery/pkg/util/version"
)

// ErrUnfit means that a store answers, but not as the log needs it to.
var ErrUnfit = errors.New("the store is not fit for Muster")

const (
	probeTimeout = 3 * time.Second
	// statusGrace is the time that the other members have after one has answered. So a
	// dead one does not delay the check.
	statusGrace = 500 * time.Millisecond
	// progressProbe is the interval at which a probe repeats its request for progress,
	// which etcd may lose.
	progressProbe = 50 * time.Millisecond
)

// whatFits ends every refusal.
const whatFits = "Muster needs etcd itself, 3.5.13 or later (or 3.4.31 or later of 3.4): stores that only imitate etcd for kube-apiserver, such as kine (SQLite, MySQL or PostgreSQL under k3s), " +
	"understand only its few transactions; point --etcd-servers at an etcd"

// Check tries what the log needs from the store, and changes nothing in it: the version of
// each member that answers, transactions like those of Commit, and the progress of a watch
// on request. It takes a few round trips. It fails with ErrUnfit if the store does not answer
// as etcd does, and with another error if the store does not answer. A full etcd passes.
func Check(ctx context.Context, client *clientv3.Client, prefix string) error {
	probes := []struct {
		asked string
		run   func(context.Context, *clientv3.Client, string) error
	}{
		{"for its version", checkVersion},
		{"to evaluate a transaction with several guards, a guard on a range, and a nested transaction", checkHolds},
		{"to refuse a transaction with a guard that does not hold", checkRefuses},
		{"how far a watch is", checkProgress},
	}
	servers := strings.Join(client.Endpoints(), ",")
	for _, probe := range probes {
		within, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe.run(within, client, strings.TrimSuffix(prefix, "/")+"/fitness")
		cancel()
		switch {
		case err == nil:
		case unanswered(err):
			return fmt.Errorf("etcd at %s does not answer when asked %s: %w", servers, probe.asked, err)
		default:
			return fmt.Errorf("%w: %s was asked %s and answered: %w; %s", ErrUnfit, servers, probe.asked, err, whatFits)
		}
	}
	return nil
}

func unanswered(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || codeOf(err) == codes.Unavailable || codeOf(err) == codes.DeadlineExceeded
}

// memberStatus is the answer of one member to a request for its status.
type memberStatus struct {
	server string
	answer *pb.StatusResponse
	err    error
}

func checkVersion(ctx context.Context, client *clientv3.Client, _ string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	servers := client.Endpoints()
	if len(servers) == 0 {
		servers = []string{""} // a client in etcd's own process
	}
	answers := make(chan memberStatus, len(servers))
	for _, server := range servers {
		go func() {
			answer, err := StatusOf(ctx, client, server)
			answers <- memberStatus{server, answer, err}
		}()
	}
	var first *memberStatus
	var failed []error
	for range servers {
		status := <-answers
		if status.err != nil {
			if first == nil {
				failed = append(failed, fmt.Errorf("%s: %w", status.server, status.err))
			}
			continue
		}
		if err := fits(status.answer.Version); err != nil {
			return fmt.Errorf("%s: %w", status.server, err)
		}
		if first == nil {
			first = &status
			time.AfterFunc(statusGrace, cancel)
		}
		if status.answer.Header.GetClusterId() != first.answer.Header.GetClusterId() {
			return fmt.Errorf("%s and %s are members of different clusters: all of --etcd-servers must be of one", first.server, status.server)
		}
	}
	if first == nil {
		return errors.Join(failed...)
	}
	return nil
}

// fits returns an error unless a version of etcd answers requests for progress as the log
// needs it (etcd#15220, #17507).
func fits(reported string) error {
	v, err := version.ParseGeneric(reported)
	if err != nil {
		return fmt.Errorf("version %q: %w", reported, err)
	}
	if v.AtLeast(version.MustParseGeneric("3.5.13")) || (v.Major() == 3 && v.Minor() == 4 && v.AtLeast(version.MustParseGeneric("3.4.31"))) {
		return nil
	}
	return fmt.Errorf("version %s, which is too old: it does not reliably say how far a watch is", reported)
}

// probeGuards returns a guard of each kind that Commit uses. They hold, because the probe's
// key is never written.
func probeGuards(key string) []clientv3.Cmp {
	return []clientv3.Cmp{
		clientv3.Compare(clientv3.ModRevision(key), "=", 0),
		clientv3.Compare(clientv3.ModRevision(key), "<", 1),
		clientv3.Compare(clientv3.ModRevision(key+"/"), "<", 1).WithPrefix(),
	}
}

// probeOps returns two operations, nested as Commit nests them.
func probeOps(key string, inner, outer clientv3.Op) []clientv3.Op {
	absent := clientv3.Compare(clientv3.CreateRevision(key), "=", 0)
	return []clientv3.Op{
		clientv3.OpTxn([]clientv3.Cmp{absent}, []clientv3.Op{inner}, nil),
		clientv3.OpTxn(nil, []clientv3.Op{outer}, nil),
	}
}

func checkHolds(ctx context.Context, client *clientv3.Client, key string) error {
	response, err := client.Txn(ctx).If(probeGuards(key)...).Then(probeOps(key, clientv3.OpGet(key), clientv3.OpGet(key+"/other"))...).Commit()
	if err != nil {
		return err
	}
	if !response.Succeeded {
		return errors.New("that a guard does not hold, although it does")
	}
	if len(response.Responses) != 2 || !response.Responses[0].GetResponseTxn().GetSucceeded() || !response.Responses[1].GetResponseTxn().GetSucceeded() {
		return errors.New("something other than the results of the nested transactions")
	}
	return nil
}

func checkRefuses(ctx context.Context, client *clientv3.Client, key string) error {
	never := clientv3.Compare(clientv3.ModRevision(key), "=", 1)
	response, err := client.Txn(ctx).If(append(probeGuards(key), never)...).Then(probeOps(key, clientv3.OpPut(key, "x"), clientv3.OpDelete(key+"/other"))...).Commit()
	if errors.Is(err, rpctypes.ErrNoSpace) {
		return nil // understood: a full etcd serves reads, so replicas must be able to start
	}
	if err != nil {
		return err
	}
	if response.Succeeded {
		return errors.New("that it has written the transaction")
	}
	return nil
}

func checkProgress(ctx context.Context, client *clientv3.Client, key string) error {
	// A stream of its own, so that no other watch holds the answer back.
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(metadata.AppendToOutgoingContext(ctx, "muster-stream", "fitness")))
	defer cancel()
	responses := client.Watch(ctx, key+"/", clientv3.WithPrefix(), clientv3.WithFragment(), clientv3.WithCreatedNotify())
	ask := time.NewTicker(progressProbe)
	defer ask.Stop()
	begun, created := time.Now(), false
	for {
		select {
		case response, open := <-responses:
			switch {
			case ctx.Err() != nil:
			case !open:
				return errors.New("that the watch has ended")
			case response.Err() != nil:
				return response.Err()
			case response.IsProgressNotify():
				return nil
			}
			created = created || response.Created
		case <-ask.C:
			if err := client.RequestProgress(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
		}
		if ctx.Err() == nil {
			continue
		}
		if created && time.Since(begun) >= probeTimeout-progressProbe {
			return fmt.Errorf("nothing for %s, although the watch runs", probeTimeout)
		}
		return context.Cause(ctx)
	}
}
