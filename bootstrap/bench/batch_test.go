//go:build linux

package bench_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openAnywhere opens a socket that sends from any address of the host, and tells to
// which of them a datagram came.
func openAnywhere(readBuffer int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	var optErr error
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			optErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		})
	}
	return conn, errors.Join(err, optErr, conn.SetReadBuffer(readBuffer))
}

// from is the control message that makes a the source of a datagram (ip(7), IP_PKTINFO).
func from(a netip.Addr) []byte { return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.As4()}) }

// openBlocking is openAnywhere for those who wait in their system calls, for at most
// patience each. The runtime's poller would wake up for every datagram, in a pause too.
func openBlocking(readBuffer int, patience time.Duration) (*os.File, error) {
	conn, err := openAnywhere(readBuffer)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	file, err := conn.File()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(unix.SetNonblock(int(file.Fd()), false), setPatience(file, patience)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// setPatience says how long a read waits at most.
func setPatience(file *os.File, d time.Duration) error {
	limit := unix.NsecToTimeval(int64(d))
	return unix.SetsockoptTimeval(int(file.Fd()), unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit)
}

// pause sleeps for less than a second, and the scheduler does not know: it would look for
// other work, find none, and take more time about it than a gateway needs for its devices.
func pause(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// Datagrams that one system call takes or sends at most, the longest of them, and the
// room for their control message.
const (
	batchSize   = 64
	maxDatagram = 2048
	controlSize = 32 // CMSG_SPACE of in_pktinfo
)

// A batch is what recvmmsg(2) fills and sendmmsg(2) sends. It holds pointers to itself.
type batch struct {
	fd       uintptr
	headers  [batchSize]mmsghdr
	parts    [batchSize]unix.Iovec
	bytes    [batchSize][maxDatagram]byte
	controls [batchSize][controlSize]byte
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	n uint32
}

func newBatch(file *os.File) *batch {
	b := &batch{fd: file.Fd()}
	for i := range b.headers {
		h := &b.headers[i]
		b.parts[i].Base = &b.bytes[i][0]
		b.parts[i].SetLen(maxDatagram)
		h.Iov = &b.parts[i]
		h.SetIovlen(1)
		h.Control = &b.controls[i][0]
		h.SetControllen(controlSize)
	}
	return b
}

// A caller is [unix.Syscall6], or [unix.RawSyscall6] for what does not wait: the scheduler
// is not told of it.
type caller func(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err unix.Errno)

// call makes a system call for the messages from one up to another, and returns how many
// it did. The batch is on the heap and stays where it is.
func (b *batch) call(how caller, trap uintptr, from, to, flags int) int {
	n, _, err := how(trap, b.fd, uintptr(unsafe.Pointer(&b.headers[from])), uintptr(to-from), uintptr(flags), 0, 0)
	if err != 0 {
		return 0
	}
	return int(n)
}

// An inbox reads many datagrams at a time.
type inbox struct{ *batch }

// read waits for datagrams, and returns how many came: none where the patience of the
// socket is over.
func (in inbox) read() int {
	return in.call(unix.Syscall6, unix.SYS_RECVMMSG, 0, batchSize, unix.MSG_WAITFORONE)
}

// poll reads what is there.
func (in inbox) poll() int {
	return in.call(unix.RawSyscall6, unix.SYS_RECVMMSG, 0, batchSize, unix.MSG_DONTWAIT)
}

// each calls take with the n datagrams that were read last, and with the addresses they
// came to.
func (in inbox) each(n int, take func(at [4]byte, b []byte)) {
	for i := range n {
		h := &in.headers[i]
		// The control message ends with in_pktinfo, and that with ipi_addr.
		take([4]byte(in.controls[i][unix.CmsgLen(8):]), in.bytes[i][:h.n])
		h.SetControllen(controlSize)
	}
}

// An outbox sends many datagrams at a time, all to one address. What cannot be sent is
// lost on the way.
type outbox struct {
	*batch
	to unix.RawSockaddrInet4
	n  int // of messages that wait
}

func newOutbox(file *os.File, to netip.AddrPort) *outbox {
	out := &outbox{batch: newBatch(file)}
	out.to = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	port := (*[2]byte)(unsafe.Pointer(&out.to.Port))
	port[0], port[1] = byte(to.Port()>>8), byte(to.Port())
	for i := range out.headers {
		out.headers[i].Name = (*byte)(unsafe.Pointer(&out.to))
		out.headers[i].Namelen = unix.SizeofSockaddrInet4
	}
	return out
}

// put copies a datagram of at most maxDatagram bytes; control says where it comes from.
func (out *outbox) put(b, control []byte) {
	out.parts[out.n].SetLen(copy(out.bytes[out.n][:], b))
	copy(out.controls[out.n][:], control)
	if out.n++; out.n == batchSize {
		out.flush()
	}
}

// flush sends what waits. The kernel has room for all of it, so that no call waits.
func (out *outbox) flush() {
	for sent := 0; sent < out.n; {
		sent += max(1, out.call(unix.RawSyscall6, unix.SYS_SENDMMSG, sent, out.n, unix.MSG_DONTWAIT))
	}
	out.n = 0
}
