package duel

import "os"

// ServiceWeight and senderWeight are how a run's sessions weigh against all others on the machine, in nice
// values of the scheduler's autogroup, sched(7). Plain nice has no effect between
// sessions. The sender weighs most, so that a service that uses all processors
// does not make requests late; both sides weigh the same.
const (
	senderWeight  = "-19"
	ServiceWeight = "-10"
)

// Weigh raises this process's session. Beside one busy program an unweighted
// service's P95 grew thirteenfold. Only root may; elsewhere a run goes on with
// the usual weight, and the weather tells when that was too little.
func Weigh() { _ = os.WriteFile("/proc/self/autogroup", []byte(senderWeight), 0) }
