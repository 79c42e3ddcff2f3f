// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// The files in a report's folder, next to the figures.
const (
	pageFile    = "report.md"
	numbersFile = "report.json"
)

// Save writes the page, the numbers and the figures into a folder, and returns the
// page's path.
func (r *Report) Save(folder string, comparison *Comparison) (string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	numbers, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", err
	}
	var page bytes.Buffer
	r.Markdown(&page, comparison)
	files := map[string][]byte{numbersFile: append(numbers, '\n'), pageFile: page.Bytes()}
	for i := range r.Scenarios {
		for j := range r.Scenarios[i].Figures {
			f := &r.Scenarios[i].Figures[j]
			files[f.Name+".svg"] = []byte(f.SVG())
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(folder, pageFile), nil
}

// Load reads the numbers of a report. Without one the error is fs.ErrNotExist.
func Load(folder string) (*Report, error) {
	text, err := os.ReadFile(filepath.Join(folder, numbersFile))
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(folder, numbersFile), err)
	}
	return r, nil
}

// Replace removes the files of a report and saves another in their place, without a
// comparison.
func Replace(folder string, r *Report) error {
	for _, pattern := range []string{pageFile, numbersFile, "*.svg"} {
		old, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return err
		}
		for _, path := range old {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	_, err := r.Save(folder, nil)
	return err
}
