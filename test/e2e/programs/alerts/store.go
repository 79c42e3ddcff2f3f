// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

var emptyLabels = labels.EmptyLabels()

// store keeps scrapes as Prometheus does.
type store struct {
	db *tsdb.DB
	// last holds the series that had a sample in the last round, by their text.
	last map[string]labels.Labels
}

func newStore(db *tsdb.DB) *store { return &store{db: db, last: map[string]labels.Labels{}} }

// round stores one scrape of each target.
func (s *store) round(ctx context.Context, now time.Time, targets []target) error {
	appender := s.db.AppenderV2(ctx)
	at, next := now.UnixMilli(), map[string]labels.Labels{}
	put := func(series labels.Labels, v float64) error {
		next[series.String()] = series
		_, err := appender.Append(0, series, 0, at, v, nil, nil, storage.AOptions{})
		return err
	}
	for _, each := range targets {
		up := 0.0
		if each.Up {
			up = 1
			if err := samples(each, put); err != nil {
				return errors.Join(fmt.Errorf("%v: %w", each.Labels, err), appender.Rollback())
			}
		}
		if err := put(series(labels.FromStrings(model.MetricNameLabel, "up"), each.Labels), up); err != nil {
			return errors.Join(err, appender.Rollback())
		}
	}
	for text, gone := range s.last {
		if _, remains := next[text]; remains {
			continue
		}
		if _, err := appender.Append(0, gone, 0, at, math.Float64frombits(value.StaleNaN), nil, nil, storage.AOptions{}); err != nil {
			return errors.Join(err, appender.Rollback())
		}
	}
	s.last = next
	return appender.Commit()
}

// samples parses a scrape.
func samples(t target, put func(labels.Labels, float64) error) error {
	parser := textparse.NewPromParser([]byte(t.Text), labels.NewSymbolTable(), false)
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		_, _, v := parser.Series()
		var found labels.Labels
		parser.Labels(&found)
		if err := put(series(found, t.Labels), v); err != nil {
			return err
		}
	}
}

// series adds the labels of a target. If the metric has a label of the same name, its own
// becomes exported_NAME.
func series(metric labels.Labels, target map[string]string) labels.Labels {
	b := labels.NewBuilder(metric)
	for name, text := range target {
		if own := metric.Get(name); own != "" {
			b.Set("exported_"+name, own)
		}
		b.Set(name, text)
	}
	return b.Labels()
}
