package load

import "slices"

// queue holds requests in the order of their arrival.
type queue struct {
	jobs []job
	head int
}

func (q *queue) push(j job) { q.jobs = append(q.jobs, j) }

func (q *queue) pop() (job, bool) {
	if q.head == len(q.jobs) {
		return job{}, false
	}
	j := q.jobs[q.head]
	q.jobs[q.head] = job{} // lets go of the run
	if q.head++; q.head == len(q.jobs) {
		q.jobs, q.head = q.jobs[:0], 0
	}
	return j, true
}

// take removes and returns the requests of one run.
func (q *queue) take(r *run) []job {
	var mine []job
	q.jobs = slices.DeleteFunc(q.jobs[q.head:], func(j job) bool {
		if j.run == r {
			mine = append(mine, j)
		}
		return j.run == r
	})
	q.head = 0
	return mine
}

func (q *queue) takeAll() []job {
	all := q.jobs[q.head:]
	q.jobs, q.head = nil, 0
	return all
}
