// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package simulate

import (
	"context"
	"encoding/binary"
	"hash/fnv"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/musterfleet/muster/pkg/agent/upstream"
	"github.com/musterfleet/muster/pkg/apis/fleet/v1alpha1"
)

// reportRetry is the time after which a report that was not acknowledged is sent again.
const reportRetry = time.Second

// catchUp is the time between two checks whether the watch shows an acknowledged report.
const catchUp = 10 * time.Millisecond

// deployment holds what an agent, but not the server, knows about a BundleDeployment. It is
// lost with the agent.
type deployment struct {
	uid     types.UID
	id      string // the deployment ID of this attempt
	attempt int
	outcome Outcome
	stage   stage
	due     time.Time // when the stage ends
	// acked is the resource version of the last acknowledged report, of this version or of
	// the one before; empty if none was acknowledged. The agent must not build another
	// report on what the watch shows until the watch has reached it.
	acked string
}

// stage says how far a deployment has come.
type stage int

const (
	deploying stage = iota // until due; then the outcome is reported
	settling               // deployed; ready when due
	failed                 // until due; then the agent tries again
	done                   // nothing changes by itself
)

// reconcile does what an agent does about one BundleDeployment. It returns the time until
// the next look, or 0 for none.
func (f *Fleet) reconcile(ctx context.Context, name types.NamespacedName) time.Duration {
	if ctx.Err() != nil {
		return 0
	}
	f.counted.add(func(s *Stats) { s.Reconciles++ })
	from, bd := f.get(name)
	if bd == nil {
		f.forget(name)
		return 0
	}
	if bd.Spec.Paused || bd.Spec.OffSchedule || bd.Spec.WaitingForValues || bd.Spec.DeploymentID == "" {
		return 0
	}
	now := time.Now()
	d := f.known(name)
	if d == nil || d.uid != bd.UID || d.id != bd.Spec.DeploymentID {
		acked := ""
		if d != nil && d.uid == bd.UID {
			acked = d.acked
		}
		d = &deployment{uid: bd.UID, id: bd.Spec.DeploymentID, acked: acked}
		if reported(bd) {
			d.stage = done
		} else {
			d.outcome = f.draw(bd, 0)
			d.due = now.Add(f.roughly(bd, f.options.Delay))
		}
		f.remember(name, d)
	}
	if wait := d.due.Sub(now); wait > 0 {
		return wait
	}
	if older(bd.ResourceVersion, d.acked) {
		return catchUp
	}
	if d.stage == failed {
		d.attempt++
		redeploy := d.outcome == Fail
		d.outcome, d.stage = f.draw(bd, d.attempt), deploying
		if redeploy {
			d.due = now.Add(f.roughly(bd, f.options.Delay))
			return d.due.Sub(now)
		}
	}
	wanted := bd.DeepCopy()
	if err := from.Dependencies(ctx, bd); err != nil {
		upstream.SetCondition(&wanted.Status, upstream.Deployed, err, now)
		if wait := f.report(ctx, from, d, bd, wanted); wait > 0 {
			return wait
		}
		return f.options.DependencyRetry
	}
	said := d.outcome
	if d.stage == deploying && said == Succeed && f.options.ReadyAfter > 0 {
		said = Degrade
	}
	say(wanted, said, f.options.Resources, now)
	if wait := f.report(ctx, from, d, bd, wanted); wait > 0 {
		return wait
	}
	return f.advance(d, said, now)
}

// advance enters the stage that follows a report.
func (f *Fleet) advance(d *deployment, said Outcome, now time.Time) time.Duration {
	var lasts time.Duration
	switch {
	case d.stage == done || d.stage == settling:
		d.stage = done
	case said != d.outcome:
		d.stage, lasts = settling, f.options.ReadyAfter
	case said != Succeed && f.options.Recover > 0:
		d.stage, lasts = failed, f.options.Recover
	default:
		d.stage = done
	}
	d.due = now.Add(lasts)
	return lasts
}

// reported reports whether the server already knows that a version is deployed and ready.
// An agent that has just started does not deploy such a version again.
func reported(bd *v1alpha1.BundleDeployment) bool {
	s := &bd.Status
	return s.AppliedDeploymentID == bd.Spec.DeploymentID && s.Ready && s.NonModified
}

// older reports whether a resource version comes before another. It is false if the two
// cannot be compared, so that no agent waits for such a version.
func older(version, than string) bool {
	if than == "" {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(version, than)
	return err == nil && order < 0
}

// report sends a report, counts it, and returns the time until it has to be sent again, or
// 0.
func (f *Fleet) report(ctx context.Context, from *upstream.Client, d *deployment, read, wanted *v1alpha1.BundleDeployment) time.Duration {
	start := time.Now()
	sent, err := from.Report(ctx, read, wanted)
	switch {
	case err == nil && sent == nil:
		return 0
	case err == nil:
		d.acked = sent.ResourceVersion
		f.counted.acknowledged(time.Since(start))
		return 0
	case ctx.Err() != nil:
		return reportRetry // the agents end, and nothing says whether the report arrived
	case apierrors.IsNotFound(err):
		f.counted.add(func(s *Stats) { s.Gone++ })
		return reportRetry // until the watch shows the deletion
	case apierrors.IsConflict(err):
		f.counted.add(func(s *Stats) { s.Conflicts++ })
		return reportRetry
	}
	f.counted.add(func(s *Stats) { s.Errors++ })
	f.complain(err)
	return reportRetry
}

// draw decides how an attempt ends.
func (f *Fleet) draw(bd *v1alpha1.BundleDeployment, attempt int) Outcome {
	if f.options.Outcome != nil {
		return f.options.Outcome(bd, attempt)
	}
	dice := f.dice(bd, attempt)
	if attempt > 0 || dice.Float64() >= f.options.FailureRate {
		return Succeed
	}
	return []Outcome{Fail, Degrade, Drift}[dice.IntN(3)]
}

// roughly returns a time between 0.5 and 1.5 times d.
func (f *Fleet) roughly(bd *v1alpha1.BundleDeployment, d time.Duration) time.Duration {
	return time.Duration((0.5 + f.dice(bd, -1).Float64()) * float64(d))
}

// dice returns a source of the same numbers for the same attempt of the same deployment.
func (f *Fleet) dice(bd *v1alpha1.BundleDeployment, attempt int) *rand.Rand {
	hash := fnv.New64a()
	_ = binary.Write(hash, binary.LittleEndian, int64(attempt)) // writing to a hash cannot fail
	for _, text := range []string{bd.Namespace, bd.Name, bd.Spec.DeploymentID} {
		hash.Write([]byte(text))
		hash.Write([]byte{0})
	}
	return rand.New(rand.NewPCG(f.options.Seed, hash.Sum64()))
}
