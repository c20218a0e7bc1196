// Package handover tells LwM2M Servers the credentials of devices, before the devices are told.
//
// [New] makes a [Server] of a record; [Deliver] tells it of an account, and tries again within a time
// where that may help. Nothing of a secret is in an error. The requests are those of the servers'
// public descriptions; each kind is a file.
package handover
