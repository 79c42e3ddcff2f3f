// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package preflight

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// checkEtcd checks the client certificate, each member, and then etcd as a whole. It checks
// once: an operator can run the command again.
func (p *preflight) checkEtcd(ctx context.Context, o *etcdoptions.Options) {
	plain := len(o.Servers) > 0 && strings.HasPrefix(o.Servers[0], "http://")
	config := o.ClientConfig
	if plain {
		p.warn("etcd is asked without TLS: every client that reaches it reads and writes all; give it certificates, as docs/security.md says")
	} else {
		data := p.checkEtcdSecret(ctx)
		if data != nil && config.CAFile == "" && config.CertFile == "" && config.KeyFile == "" {
			remove, err := use(&config, data)
			defer remove()
			if err != nil {
				p.fault("the client certificate for etcd cannot be written to a temporary folder: %v; name it with --etcd-certfile", err)
				return
			}
		}
	}
	if len(o.Servers) == 0 {
		p.warn("etcd was not checked; name its members with --etcd-servers")
		return
	}
	checked := *o
	checked.ClientConfig = config
	if err := errors.Join(checked.Validate()...); err != nil {
		p.fault("%v", err)
		return
	}
	if p.checkMembers(ctx, config) {
		p.checkStore(ctx, config, o.Prefix)
	}
}

// checkEtcdSecret checks the Secret with the client certificate, and returns its data if
// they can be used.
func (p *preflight) checkEtcdSecret(ctx context.Context) map[string][]byte {
	s := secretCheck{name: etcdSecret, holds: "the client certificate for etcd", section: "etcd"}
	data := p.read(ctx, s)
	if data == nil {
		return nil
	}
	c, good := p.checkSecret(s, data, x509.ExtKeyUsageClientAuth, "clientAuth")
	if c == nil {
		return nil
	}
	if good {
		p.ok("the client certificate for etcd in Secret %s/%s is for %q until %s UTC", p.namespace, s.name, c.leaf.Subject, c.leaf.NotAfter.UTC().Format(time.DateTime))
	}
	return data
}

// use makes a client use the certificate of a Secret. The client reads files, so they are
// in a folder of this user until remove is called.
func use(config *etcd.ClientConfig, data map[string][]byte) (remove func(), err error) {
	dir, err := os.MkdirTemp("", "muster-preflight-")
	if err != nil {
		return func() {}, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	for key, field := range map[string]*string{authorityKey: &config.CAFile, certificateKey: &config.CertFile, privateKey: &config.KeyFile} {
		*field = filepath.Join(dir, key)
		if err := os.WriteFile(*field, data[key], 0o600); err != nil {
			return remove, err
		}
	}
	return remove, nil
}

// checkMembers reports the state of each named member, and whether a majority answers.
func (p *preflight) checkMembers(ctx context.Context, config etcd.ClientConfig) (majority bool) {
	members := make([]member, len(config.Servers))
	var wait sync.WaitGroup
	for i, server := range config.Servers {
		wait.Go(func() { members[i] = ask(ctx, config, server) })
	}
	wait.Wait()
	var answering []*member
	for i := range members {
		if members[i].err == nil {
			answering = append(answering, &members[i])
		}
	}
	majority = len(answering) > len(members)/2
	for i := range members {
		switch m := &members[i]; {
		case m.err == nil:
			p.reportMember(m, answering[0])
		case majority:
			p.warn("etcd at %s does not answer: %s", m.server, m.reason())
		default:
			p.fault("etcd at %s does not answer: %s", m.server, m.reason())
		}
	}
	if !majority {
		p.fault("%d of %d named members of etcd answer, which is no majority: etcd accepts no write; bring the others back first", len(answering), len(members))
	}
	return majority
}

// reportMember reports the state of a member that answers. All members have to be of the
// same cluster as the first.
func (p *preflight) reportMember(m, first *member) {
	const quota = "docs/operations.md, \"Quota\", says how to make room"
	status := m.status
	size, limit := status.GetDbSize(), status.GetDbSizeQuota()
	alarms := strings.Join(status.GetErrors(), ", ")
	switch {
	case status.GetHeader().GetClusterId() != first.status.GetHeader().GetClusterId():
		p.fault("%s, which is another cluster than that of %s; give --etcd-servers the members of one cluster", m.describe(), first.server)
	case status.GetLeader() == 0:
		p.fault("%s; look at its log and its network to the other members", m.describe())
	case strings.Contains(alarms, "NOSPACE"):
		p.fault("%s; it is full and refuses writes (%s); %s", m.describe(), alarms, quota)
	case strings.Contains(alarms, "CORRUPT"):
		p.fault("%s; its data differ from those of other members (%s); replace it, or restore etcd", m.describe(), alarms)
	case alarms != "":
		p.warn("%s; it reports: %s; look at its log", m.describe(), alarms)
	case limit > 0 && size*100 >= limit*fullShare:
		p.warn("%s, which is more than %d %%; %s", m.describe(), fullShare, quota)
	case limit > 0 && limit < smallestQuota:
		p.warn("%s, which is little; start it with --quota-backend-bytes=%d, as docs/install.md says", m.describe(), smallestQuota)
	case status.GetIsLearner():
		p.warn("%s; promote it, or name another member", m.describe())
	default:
		p.ok("%s", m.describe())
	}
}

// checkStore checks that etcd as a whole answers as Muster needs.
func (p *preflight) checkStore(ctx context.Context, config etcd.ClientConfig, prefix string) {
	client, err := etcd.Connect(config)
	if err != nil {
		p.fault("%v", err)
		return
	}
	defer client.Close()
	switch err := etcd.Check(ctx, client, prefix); {
	case errors.Is(err, etcd.ErrUnfit):
		p.fault("%v", err)
	case err != nil:
		p.fault("%v; check that its members reach each other, and that the client may write below %s", err, prefix)
	default:
		p.ok("etcd accepts what Muster writes below %s, and has %s", prefix, plural(len(config.Servers), "named member"))
	}
}

// plural returns a number with a noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
