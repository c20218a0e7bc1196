// Package enrol has what an enrolment group decides: which names it takes ([Matches], [Choose]), which
// key a device has ([DeviceKey]), and why it does not take a device now ([Refuses]). It does no input
// or output.
//
// The keys of devices are wire format: a factory derives the same ones with tools of its own, and
// devices keep them for years.
package enrol
