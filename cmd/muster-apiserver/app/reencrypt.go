// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/musterfleet/muster/pkg/etcdoptions"
	"github.com/musterfleet/muster/pkg/registry/etcd"
)

// reencrypt rewrites every record that is not encrypted with the first key of the
// configuration. Servers may run at the same time if they have the new key too. It may be
// stopped and run again at any time.
func reencrypt(ctx context.Context, o *etcdoptions.Options, encryption *etcdoptions.Encryption, out io.Writer) error {
	if encryption.ConfigFile == "" {
		return errors.New("--encryption-provider-config is required: its first key is the one to write with")
	}
	if err := errors.Join(o.Validate()...); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	keys, err := encryption.Load(ctx, "reencrypt")
	if err != nil {
		return err
	}
	client, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	log := etcd.New(client, o.Prefix, keys.Option())
	done, err := log.Reencrypt(ctx, func(so etcd.Reencrypted) {
		fmt.Fprintf(out, "read %d records, rewrote %d\n", so.Seen, so.Rewritten)
	})
	if err != nil {
		return fmt.Errorf("%d of the %d records read so far were rewritten (run it again to continue): %w", done.Rewritten, done.Seen, err)
	}
	if done.Seen == 0 {
		// After "done" with a wrong prefix, an operator would remove a key that is needed.
		return fmt.Errorf("no record found below --etcd-prefix=%s: give --etcd-prefix and --etcd-servers as the servers have them", o.Prefix)
	}
	fmt.Fprintf(out, "done: read %d records, rewrote %d; none needs an older key now. Backups still need it, and so does etcd's history until it is compacted: keep the key for these\n", done.Seen, done.Rewritten)
	return nil
}
