package site

import "time"

// SetStepTime changes for how long a body or an answer may stand still, until the returned function is called.
func SetStepTime(d time.Duration) (reset func()) {
	before := stepTime
	stepTime = d
	return func() { stepTime = before }
}
