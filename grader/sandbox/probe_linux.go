package sandbox

import (
	"context"
	"os"
)

// confining is a launcher with all layers.
func confining() *Launcher {
	mounts, _ := os.ReadFile("/proc/self/mounts")     // without it there are no groups,
	membership, _ := os.ReadFile("/proc/self/cgroup") // which the probe tells
	return &Launcher{confines: true, controllers: findControllers(string(mounts), string(membership))}
}

func (l *Launcher) probe(ctx context.Context) Report {
	return Report{Isolated: true}
}

// works tells whether a layer that depends on the machine is there.
func (l *Launcher) works(layer Layer) bool {
	for controller, of := range layerOf {
		if of == layer {
			return l.controllers.at[controller] != ""
		}
	}
	return l.confines
}
