// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package embedded

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"go.uber.org/zap/zapcore"

	"github.com/musterfleet/muster/cmd/muster/app/datadir"
)

// fate is a hook of etcd's log for entries that would end the process or panic, because
// etcd cannot continue. It ends only the goroutine that logs, and keeps the cause. From
// then on etcd acknowledges nothing.
type fate struct {
	dir, logFile string

	once   sync.Once
	failed chan struct{}
	err    error
}

func newFate(dir, logFile string) *fate {
	return &fate{dir: dir, logFile: logFile, failed: make(chan struct{})}
}

// OnWrite implements zapcore.CheckWriteHook.
func (f *fate) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	cause := errors.New(entry.Message)
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && field.Type == zapcore.ErrorType {
			cause = fmt.Errorf("%s: %w", entry.Message, err)
		}
	}
	f.fail(cause)
	runtime.Goexit()
}

func (f *fate) fail(cause error) {
	f.once.Do(func() {
		if f.err = datadir.DiskError(f.dir, cause); f.err == nil {
			f.err = fmt.Errorf("the embedded etcd in %s cannot continue: %s: restore a copy of the data directory, or move it away to start with an empty one (etcd's log is %s)",
				f.dir, strings.ReplaceAll(cause.Error(), "\n", " "), f.logFile)
		}
		close(f.failed)
	})
}

// Err returns the cause for which etcd cannot continue, nil while it can.
func (f *fate) Err() error {
	select {
	case <-f.failed:
		return f.err
	default:
		return nil
	}
}
