//go:build unix && !linux

package bench

import (
	"os/exec"
	"time"
)

// Processors cannot be chosen here.
func generatorCPU() int { return -1 }

func serviceCPU() int { return -1 }

func startPlaced(cmd *exec.Cmd, _ place) error {
	cmd.SysProcAttr = session()
	return cmd.Start()
}

func weigh(int, int) {}

// prefer is not possible here.
func prefer(int) (ordinary func(), ok bool) { return func() {}, false }

func sharp() {}

func nap(d time.Duration) { time.Sleep(d) }

// clock is the wall clock, the same for all processes.
func clock() time.Duration { return time.Duration(time.Now().UnixNano()) }

// load1 is not known here.
func load1() float64 { return 0 }
