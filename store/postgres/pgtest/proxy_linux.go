package pgtest

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Cut is where a Proxy cuts a connection.
type Cut int

// The cuts.
const (
	CutNone        Cut = iota
	CutAtCommit        // when the client sends a commit, which the server does not get
	CutLateCommit      // the same, and the server gets it when Proxy.Release is called
	CutAtCommitted     // when the server answers that it has committed, which the client does not get
)

// A Proxy is between a client and a server, and cuts connections.
type Proxy struct {
	listener net.Listener
	socket   string

	mu      sync.Mutex
	cut     Cut                   // of the next connection that comes to that; guarded by mu
	cuts    int                   // guarded by mu
	conns   map[net.Conn]struct{} // guarded by mu
	held    *late                 // guarded by mu
	refuses bool                  // guarded by mu
	running sync.WaitGroup
}

// A late is a commit that the server has not got yet.
type late struct {
	server  net.Conn
	commit  []byte
	answers chan []byte // what the server says, until it is cut
}

// Proxy starts a proxy before the server, which ends with the test.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, socket: s.Socket(), conns: make(map[net.Conn]struct{})}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.CutAll()
		p.running.Wait()
	})
	return p
}

// Through has a client come through the proxy, and send statements as text.
func (p *Proxy) Through(config *pgxpool.Config) *pgxpool.Config {
	config = config.Copy()
	at := p.listener.Addr().(*net.TCPAddr)
	config.ConnConfig.Host, config.ConnConfig.Port = at.IP.String(), uint16(at.Port)
	config.ConnConfig.Fallbacks = nil
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config
}

// Cut cuts the next connection that comes to that.
func (p *Proxy) Cut(where Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = where
}

// Cuts is how many connections were cut so.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// Refuse says whether new connections are cut at once.
func (p *Proxy) Refuse(refuses bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = refuses
}

// CutAll cuts all connections.
func (p *Proxy) CutAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

// Release sends the server what was kept of a late commit, and returns its answer up to that it is ready again.
func (p *Proxy) Release() (answer []byte) {
	p.mu.Lock()
	held := p.held
	p.mu.Unlock()
	defer held.server.Close()
	if _, err := held.server.Write(held.commit); err != nil {
		return nil
	}
	for part := range held.answers {
		if answer = append(answer, part...); bytes.Contains(answer, []byte("Z\x00\x00\x00\x05")) {
			break
		}
	}
	return answer
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("unix", p.socket)
		p.mu.Lock()
		if err != nil || p.refuses {
			p.mu.Unlock()
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		p.running.Go(func() { p.toServer(client, server) })
		p.running.Go(func() { p.toClient(client, server) })
	}
}

// comes reports whether data is what the next cut is at, and takes the cut then.
func (p *Proxy) comes(data []byte, mark string, cuts ...Cut) Cut {
	if !bytes.Contains(data, []byte(mark)) {
		return CutNone
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, cut := range cuts {
		if p.cut == cut {
			p.cut = CutNone
			p.cuts++
			return cut
		}
	}
	return CutNone
}

func (p *Proxy) toServer(client, server net.Conn) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			server.Close()
			return
		}
		switch data := bytes.Clone(buffer[:n]); p.comes(data, "\x00commit\x00", CutAtCommit, CutLateCommit) {
		case CutNone:
			if _, err := server.Write(data); err != nil {
				client.Close()
				return
			}
		case CutAtCommit:
			client.Close()
			server.Close()
			return
		case CutLateCommit:
			p.mu.Lock()
			p.held = &late{server, data, make(chan []byte, 100)}
			p.mu.Unlock()
			client.Close()
			return
		}
	}
}

func (p *Proxy) toClient(client, server net.Conn) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := server.Read(buffer)
		p.mu.Lock()
		held := p.held
		p.mu.Unlock()
		switch {
		case held != nil && held.server == server && err != nil:
			close(held.answers)
			return
		case held != nil && held.server == server:
			held.answers <- bytes.Clone(buffer[:n])
			continue
		case err != nil:
			client.Close()
			return
		case p.comes(buffer[:n], "COMMIT\x00", CutAtCommitted) != CutNone:
			client.Close()
			server.Close()
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			server.Close()
			return
		}
	}
}
