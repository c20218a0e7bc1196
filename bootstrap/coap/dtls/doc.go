// Package dtls serves peers over DTLS 1.2: it finds the handshake or the association that a
// datagram is for, by address or connection ID, admits new handshakes, and keeps associations
// whose device is done hibernating, over a restart too.
//
// Nothing is remembered of a peer before it has returned a cookie. A handshake replaces the one before at the
// same address once its cookie has come back, and the association once it is complete (RFC 6347 §4.2.8). So a
// device that lost power gets in at once, and forged datagrams end nothing. No engine of a handshake sees a
// datagram that pion would end it for though it can be forged.
//
// A client that offers a suite with a pre-shared key is expected to use it, and package pskhandshake runs its
// handshake; pion runs those with certificates.
//
// One mux has the tables of a listener, under one lock that is never held while something is sent
// or a handler runs. Wire formats are in package record and hello, certificates in package
// certificate, and the handshakes themselves in packages pskhandshake and pion.
package dtls
