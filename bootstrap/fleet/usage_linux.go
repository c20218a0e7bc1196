package fleet

import (
	"os"
	"strconv"
	"time"

	"github.com/prometheus/procfs"
)

func ownProcess() int { return os.Getpid() }

// A usage measures a process until end is called.
type usage struct {
	process procfs.Proc
	before  float64 // seconds of processor time
	stop    chan struct{}
	ended   chan struct{}
	highest uint64
}

// measure begins to measure a process. It returns nil where there is none, or it may not be looked at.
func measure(pid int) *usage {
	if pid == 0 {
		return nil
	}
	p, err := procfs.NewProc(pid)
	if err != nil {
		return nil
	}
	stat, err := p.Stat()
	if err != nil {
		return nil
	}
	u := &usage{process: p, before: stat.CPUTime(), highest: uint64(stat.ResidentMemory()), stop: make(chan struct{}), ended: make(chan struct{})}
	go u.watch()
	return u
}

func (u *usage) watch() {
	defer close(u.ended)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if stat, err := u.process.Stat(); err == nil {
				u.highest = max(u.highest, uint64(stat.ResidentMemory()))
			}
		case <-u.stop:
			return
		}
	}
}

// end returns what the process spent; nil where that is not known, such as of one that has ended.
func (u *usage) end() *Usage {
	if u == nil {
		return nil
	}
	close(u.stop)
	<-u.ended
	stat, err := u.process.Stat()
	if err != nil {
		return nil
	}
	return &Usage{Process: u.process.PID, CPU: seconds(stat.CPUTime() - u.before), MaxMemory: u.highest}
}

// ProcessAt returns the process of this machine that has a UDP socket at the port; 0 where there is none, or
// where its files may not be looked at. More than one may have it, at different addresses: then it is 0 too.
func ProcessAt(port uint16) int {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	sockets := make(map[string]bool)
	for _, list := range []func() (procfs.NetUDP, error){fs.NetUDP, fs.NetUDP6} {
		lines, err := list()
		if err != nil {
			continue
		}
		for _, l := range lines {
			if l.LocalPort == uint64(port) {
				sockets[socketTarget(l.Inode)] = true
			}
		}
	}
	return ownerOf(fs, sockets)
}

// ownerOf returns the process that has one of these sockets; 0 for none or several.
func ownerOf(fs procfs.FS, sockets map[string]bool) (pid int) {
	processes, err := fs.AllProcs()
	if err != nil || len(sockets) == 0 {
		return 0
	}
	for _, p := range processes {
		targets, err := p.FileDescriptorTargets()
		if err != nil {
			continue
		}
		for _, target := range targets {
			if !sockets[target] || p.PID == pid {
				continue
			}
			if pid != 0 {
				return 0
			}
			pid = p.PID
		}
	}
	return pid
}

func socketTarget(inode uint64) string { return "socket:[" + strconv.FormatUint(inode, 10) + "]" }
