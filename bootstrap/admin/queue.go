package admin

import "lwbs/bootstrap"

// A Queue is how devices wait for their turn, where a profile or an LwM2M Server takes only so many a second.
type Queue struct {
	Of      bootstrap.LimitOf `json:"of"`
	Name    string            `json:"name"`
	Rate    int               `json:"rate"`             // devices a second
	Waiting int               `json:"waiting"`          // devices
	Oldest  int               `json:"oldest,omitempty"` // for how many seconds the first of them has waited
	Passed  uint64            `json:"passed"`           // that had their turn since the queue was made
}

// QueuesOf are the queues of a server.
func QueuesOf(all []bootstrap.QueueState) (out []Queue) {
	for _, q := range all {
		out = append(out, Queue{q.Of, q.Name, q.Rate, q.Waiting, int(q.Oldest.Seconds()), q.Passed})
	}
	return out
}
