// Command p95lab is the lab's web server: lessons, editor, runs and verdicts for
// one learner on their own machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/p95lab/p95lab/grader/sandbox"
)

// flags are the command line, with their environment defaults.
type flags struct {
	Port     int              `help:"Port to listen on; 0 takes any free one." default:"8095" env:"P95LAB_PORT"`
	Listen   string           `help:"Address to listen on; loopback only in this version." default:"127.0.0.1" env:"P95LAB_LISTEN"`
	Data     string           `help:"Folder for workspaces, runs and caches." default:"${data}" env:"P95LAB_DATA" type:"path"`
	Host     []string         `help:"Another name under which browsers may address this server." env:"P95LAB_HOST"`
	Slots    int              `help:"Runs at once. More than one measures worse on a small machine." default:"1" env:"P95LAB_SLOTS"`
	LogLevel string           `help:"debug, info, warn or error." enum:"debug,info,warn,error" default:"info" env:"P95LAB_LOG_LEVEL"`
	Version  kong.VersionFlag `help:"Print the version and leave."`

	Serve  struct{} `cmd:"" default:"1" help:"Serve the lab; this is what happens without a command."`
	Doctor struct {
		JSON bool `help:"Print one object and nothing else."`
	} `cmd:"" help:"Say what this machine confines learners' code with, and how to get what is missing."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "p95lab:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context) error {
	var f flags
	command := kong.Parse(&f, kong.Name("p95lab"), kong.Description("P95 Lab: learn performance engineering on services that are slow for real."),
		kong.Vars{"data": dataFolder(), "version": version()})
	if command.Command() == "doctor" {
		return doctor(ctx, f.Doctor.JSON)
	}
	if f.Data == "" {
		return errors.New("there is no home folder to keep data in: say where with --data")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		return fmt.Errorf("read the log level: %w", err)
	}
	return Run(ctx, Config{
		Port: f.Port, Listen: f.Listen, Data: f.Data, Hosts: f.Host, Slots: f.Slots, Version: version(),
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
		Ready: func(address string) { fmt.Printf("P95 Lab is ready: %s\n", address) },
	})
}

// doctor prints what the sandbox finds on this machine.
func doctor(ctx context.Context, machine bool) error {
	report := sandbox.New(ctx).Report()
	if !machine {
		return report.Print(os.Stdout)
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(report)
}

// dataFolder is where data lies by default, for the grade command, too; "" where
// there is no home folder, as for a system's service.
func dataFolder() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "p95lab")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share", "p95lab")
}

// version is what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return info.Main.Version + " " + s.Value[:12]
		}
	}
	return info.Main.Version
}
