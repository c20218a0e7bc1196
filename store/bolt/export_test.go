package bolt

// ServedWhileRead returns options with which a file of any size that was not closed in order is
// read while it is served.
func (o Options) ServedWhileRead() Options {
	o.surveyAtOnce = 1
	return o
}
