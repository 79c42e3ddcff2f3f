// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package etcdoptions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/klog/v2"

	"github.com/musterfleet/muster/pkg/certificates"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

const (
	// connectWithin bounds how long a start waits for an etcd that does not answer, because
	// it too may be starting.
	connectWithin = time.Minute
	connectPoll   = time.Second
	connectTry    = 5 * time.Second
)

// Connect returns a client of an etcd that answers and passes the check. It waits up to a
// minute for an etcd that does not answer, and fails at once if etcd is unfit
// (etcd.ErrUnfit).
func (o *Options) Connect(ctx context.Context) (*clientv3.Client, error) {
	client, err := etcd.Connect(o.ClientConfig)
	if err != nil {
		return nil, err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, connectPoll, connectWithin, true, func(ctx context.Context) (bool, error) {
		try, cancel := context.WithTimeout(ctx, connectTry)
		defer cancel()
		last = etcd.Check(try, client, o.Prefix)
		switch {
		case last == nil:
			return true, nil
		case errors.Is(last, etcd.ErrUnfit):
			return false, last
		}
		// An expired certificate ends by a renewal only: etcd's answer does not name the file.
		if invalid := certificates.Valid(o.Certificates()...); invalid != nil {
			last = fmt.Errorf("%w: %w", invalid, last)
			klog.ErrorS(last, "Waiting for etcd", "servers", o.Servers)
		} else {
			klog.InfoS("Waiting for etcd", "servers", o.Servers, "reason", last)
		}
		return false, nil
	})
	if err == nil {
		return client, nil
	}
	_ = client.Close()
	switch {
	case errors.Is(err, etcd.ErrUnfit):
		return nil, err
	case ctx.Err() != nil:
		return nil, fmt.Errorf("stopped while etcd at %s did not answer: %w", strings.Join(o.Servers, ","), last)
	}
	return nil, fmt.Errorf("etcd at %s did not answer within %s (--etcd-servers, --etcd-cafile, --etcd-certfile): %w", strings.Join(o.Servers, ","), connectWithin, last)
}
