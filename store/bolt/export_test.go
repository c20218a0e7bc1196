package bolt

// ServedWhileRead returns options with which a file of any size that was not closed in order is
// read while it is served.
func (o Options) ServedWhileRead() Options {
	o.surveyAtOnce = 1
	return o
}

// WithoutSync returns options with which edits do not wait for the disk.
func (o Options) WithoutSync() Options {
	o.noSync = true
	return o
}
