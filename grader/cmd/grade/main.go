// Command grade measures fixes on the command line: the same grader, the same
// verdict as in the browser.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/p95lab/p95lab/grader"
)

// Exit codes.
const (
	exitPassed = iota
	exitNotPassed
	exitUsage
	exitOurs
)

// errNotPassed ends a command that worked and found something not passed.
var errNotPassed = errors.New("not passed")

// errUnsure ends a command that worked and could tell nothing.
var errUnsure = errors.New("nothing could be told")

// usageError is the caller's: a challenge or folder that is not there.
type usageError struct{ error }

// tool is what commands share.
type tool struct {
	ctx    context.Context
	grader *grader.Grader
	data   string
	in     io.Reader // questions to a part of the bench
	out    io.Writer // results
	err    io.Writer // progress
	live   bool      // err is a terminal
}

type cli struct {
	Data string `help:"Folder of workspaces and of the cache." env:"P95LAB_DATA" default:"${data}" type:"path"`

	Run     runCmd     `cmd:"" help:"Grade files against a challenge's starter."`
	Check   checkCmd   `cmd:"" help:"Prove a challenge: starter misses, solution passes, wrong fixes fail."`
	List    listCmd    `cmd:"" help:"List the challenges."`
	New     newCmd     `cmd:"" help:"Begin a new challenge in challenges/<slug>."`
	Warm    warmCmd    `cmd:"" help:"Build and seed beforehand what the first runs need."`
	Doctor  doctorCmd  `cmd:"" help:"Say what this machine confines services with, and how to get what is missing."`
	Compare compareCmd `cmd:"" help:"Compare two running versions of any HTTP service: before and after, with an interval."`
	Up      upCmd      `cmd:"" help:"Start a challenge's service alone and print its addresses, for any tool."`
	Export  exportCmd  `cmd:"" help:"Write a challenge's load for Vegeta or k6."`
	Bench   benchCmd   `cmd:"" help:"Measure the measurement: its cost, its truth, its pace, its false alarms."`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is main without the process: it returns the exit code.
func run(args []string, out, progress *os.File) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	data, err := dataFolder()
	if err != nil {
		fmt.Fprintln(progress, "grade:", err)
		return exitOurs
	}
	var c cli
	code := -1
	parser, err := kong.New(&c, kong.Name("grade"),
		kong.Description("Measures a fix against the original: built, checked, loaded side by side, with an interval."),
		kong.Vars{"data": data}, kong.Writers(out, progress), kong.Exit(func(n int) { code = n }), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(progress, "grade:", err)
		return exitOurs
	}
	command, err := parser.Parse(args)
	if code >= 0 { // --help has been printed
		return code
	}
	if err != nil {
		fmt.Fprintln(progress, "grade:", err)
		return exitUsage
	}
	t := &tool{
		ctx: ctx, data: c.Data, grader: grader.New(filepath.Join(c.Data, "cache")),
		in: os.Stdin, out: out, err: progress, live: terminal(progress),
	}
	err = command.Run(t)
	var usage usageError
	switch {
	case err == nil:
		return exitPassed
	case errors.Is(err, errNotPassed):
		return exitNotPassed
	case errors.Is(err, errUnsure):
		return exitOurs
	case errors.As(err, &usage):
		fmt.Fprintln(progress, "grade:", err)
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(progress, "grade: interrupted")
		return exitOurs
	default:
		fmt.Fprintln(progress, "grade: our own fault, nothing is scored:", err)
		return exitOurs
	}
}

// dataFolder is where the server keeps its data by default, too.
func dataFolder() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "p95lab"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for data (set P95LAB_DATA): %w", err)
	}
	return filepath.Join(home, ".local", "share", "p95lab"), nil
}
