// Copyright The Muster Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// step is one command of a session: the prose before it, the typed text, the output.
type step struct {
	prose  string // verbatim, with its newlines
	script string // one or more lines
	output string // without its last newline
	code   int
}

// transcript is a session: steps, then more prose.
type transcript struct {
	steps []step
	prose string
}

// A transcript is Markdown, and a terminal is a code block.
const (
	indent       = "    "
	promptFirst  = indent + "$ "
	promptNext   = indent + "> "
	exitCodeLine = indent + "[exit code %d]"
)

// parseTranscript reads a session. An empty line within output belongs to it; empty lines
// after output are prose.
func parseTranscript(text string) (transcript, error) {
	var (
		t       transcript
		prose   strings.Builder
		current *step
		pending int // empty lines that are output only if output follows
		output  []string
	)
	finish := func() {
		if current == nil {
			return
		}
		if n := len(output); n > 0 {
			if _, err := fmt.Sscanf(output[n-1], strings.TrimPrefix(exitCodeLine, indent), &current.code); err == nil {
				output = output[:n-1]
			}
		}
		current.output = strings.Join(output, "\n")
		t.steps = append(t.steps, *current)
		current, output = nil, nil
		prose.WriteString(strings.Repeat("\n", pending))
		pending = 0
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, promptFirst):
			finish()
			current = &step{prose: prose.String(), script: strings.TrimPrefix(line, promptFirst)}
			prose.Reset()
		case current != nil && len(output) == 0 && pending == 0 && strings.HasPrefix(line, promptNext):
			current.script += "\n" + strings.TrimPrefix(line, promptNext)
		case current != nil && line == "":
			pending++
		case current != nil && strings.HasPrefix(line, indent):
			for ; pending > 0; pending-- {
				output = append(output, "")
			}
			output = append(output, strings.TrimPrefix(line, indent))
		case strings.HasPrefix(line, indent):
			return t, fmt.Errorf("%q is indented, but no command (%q) is above it", line, strings.TrimSpace(promptFirst))
		default:
			finish()
			prose.WriteString(line + "\n")
		}
	}
	finish()
	t.prose = prose.String()
	return t, nil
}

// String returns the session in the form that parseTranscript reads.
func (t transcript) String() string {
	var b strings.Builder
	for _, s := range t.steps {
		b.WriteString(s.prose)
		for i, line := range strings.Split(s.script, "\n") {
			if i == 0 {
				b.WriteString(promptFirst + line + "\n")
			} else {
				b.WriteString(promptNext + line + "\n")
			}
		}
		if s.output != "" {
			for line := range strings.SplitSeq(s.output, "\n") {
				b.WriteString(strings.TrimRight(indent+line, " ") + "\n")
			}
		}
		if s.code != 0 {
			fmt.Fprintf(&b, exitCodeLine+"\n", s.code)
		}
	}
	b.WriteString(t.prose)
	return b.String()
}

const sample = `# A session

Prose.

    $ echo hello
    hello
    $ false
    [exit code 1]

More prose.

    $ cat <<END
    > two

      three
    END
    $ true

The end.
`

func TestATranscriptIsWrittenAsItWasRead(t *testing.T) {
	t.Parallel()
	read, err := parseTranscript(sample)
	require.NoError(t, err)
	require.Equal(t, sample, read.String())
	require.Len(t, read.steps, 4)
	require.Equal(t, step{prose: "# A session\n\nProse.\n\n", script: "echo hello", output: "hello"}, read.steps[0])
	require.Equal(t, step{script: "false", code: 1}, read.steps[1])
	require.Equal(t, "cat <<END\ntwo", read.steps[2].script)
	require.Equal(t, "\n  three\nEND", "\n"+strings.TrimPrefix(read.steps[2].output, "\n"), "an empty line within the output is output")
	require.Equal(t, "\nThe end.\n", read.prose)
}

func TestATranscriptIsRefusedIfOutputHasNoCommand(t *testing.T) {
	t.Parallel()
	_, err := parseTranscript("prose\n    output\n")
	require.ErrorContains(t, err, "no command")
}
