// Package coaptest has what the tests of several packages of the transport share: the
// wire vectors and recordings of testdata, and bytes written in hexadecimal. Only tests
// import it.
package coaptest
