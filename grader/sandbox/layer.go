package sandbox

// Layer names one part of the confinement. Each stands for itself: an attack is
// stopped by one of them, and often by another behind it.
type Layer string

// The layers, from the outside in.
const (
	LayerNetwork     Layer = "network namespace"
	LayerProcesses   Layer = "process namespace"
	LayerMounts      Layer = "private root"
	LayerIPC         Layer = "IPC namespace"
	LayerHostname    Layer = "hostname namespace"
	LayerUser        Layer = "user of its own"
	LayerCapability  Layer = "no capabilities"
	LayerPrivileges  Layer = "no new privileges"
	LayerSeccomp     Layer = "system call filter"
	LayerLandlock    Layer = "landlock"
	LayerLimits      Layer = "resource limits"
	LayerMemory      Layer = "memory cgroup"
	LayerPids        Layer = "process cgroup"
	LayerCPU         Layer = "processor cgroup"
	LayerCPUSet      Layer = "processor set cgroup"
	LayerTmpfs       Layer = "bounded scratch space"
	LayerDisk        Layer = "disk watch"
	LayerOutput      Layer = "output limit"
	LayerEnvironment Layer = "empty environment"
	LayerDescriptors Layer = "no inherited descriptors"
	LayerKill        Layer = "kill switch"
)
