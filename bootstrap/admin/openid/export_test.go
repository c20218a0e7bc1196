package openid

import "net/http"

// The limits, for tests.
const (
	FlowTime   = flowTime
	MaxWorking = maxWorking
	MaxUsed    = maxUsed
)

// UsedAfter is how many states are remembered after n log-ins.
func UsedAfter(n int) int {
	f := newFlows()
	for range n {
		of := newFlow("http://lwbs.example"+ReturnPath, "/")
		c, err := f.cookie(of, false)
		if err != nil {
			return -1
		}
		r := &http.Request{Header: make(http.Header)}
		r.AddCookie(c)
		if _, err := f.take(r, false, of.State); err != nil {
			return -1
		}
	}
	return len(f.used)
}
