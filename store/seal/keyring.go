package seal

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Keyring seals the secrets of a store, so that a stolen file, a backup or a deleted record
// reveals none. It may hold several keys: the newest seals, and each opens what it sealed. A
// Keyring may be used concurrently.
//
// Sealing is AES-256-GCM with a random nonce, bound to the record and the field, so
// that sealed bytes cannot be moved to another one. The form is
//
//	version (1) | key ID (2) | nonce (12) | ciphertext | tag (16)
//
// With random nonces one key may seal 2^32 times (NIST SP 800-38D §8.3).
type Keyring struct {
	primary uint16
	keys    map[uint16]cipher.AEAD
	text    lwm2m.Secret // the content of the key file
}

const (
	keyFileHeader = "lwbs-keys 1"
	sealVersion   = 1
	sealOverhead  = 3
	sealSize      = sealOverhead + 12 + 16 // more than what is sealed
	keySize       = 32
)

// NewKeyring returns a Keyring with one new key.
func NewKeyring() (*Keyring, error) {
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("make sealing key: %w", err)
	}
	text := fmt.Sprintf("%s\n# This key opens every secret of the database. Keep a copy in another place.\n1 %s %s\n",
		keyFileHeader, time.Now().UTC().Format(time.RFC3339), base64.StdEncoding.EncodeToString(key))
	return parseKeyring([]byte(text))
}

// maxKeyFile is the largest key file, in bytes: a key needs about 80.
const maxKeyFile = 1 << 20

// LoadKeyring reads a key file. Its error wraps [fs.ErrNotExist] where there is none. A file that
// other users can read is refused.
func LoadKeyring(file string) (*Keyring, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("key file %s is a folder", file)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !LentByRoot(info) {
		return nil, fmt.Errorf("key file %s can be read by others (mode %04o): chmod 600 %s", file, mode, file)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("key file %s is not a regular file", file)
	}
	if info.Size() > maxKeyFile {
		return nil, fmt.Errorf("key file %s has %d bytes: it is no key file, which has at most %d", file, info.Size(), maxKeyFile)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read key file: %w", err)
	}
	k, err := parseKeyring(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", file, err)
	}
	return k, nil
}

func parseKeyring(text []byte) (*Keyring, error) {
	k := &Keyring{keys: make(map[uint16]cipher.AEAD), text: lwm2m.NewSecret(text)}
	plain := bytes.TrimRight(bytes.TrimPrefix(text, []byte("\ufeff")), "\x00") // of editors
	if bytes.HasPrefix(plain, []byte("\xff\xfe")) || bytes.HasPrefix(plain, []byte("\xfe\xff")) {
		return nil, errors.New("it is UTF-16: save it as UTF-8")
	}
	if len(bytes.TrimSpace(plain)) == 0 {
		return nil, errors.New("it is empty: it has no key")
	}
	lines := bufio.NewScanner(bytes.NewReader(plain))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case n == 1 && line != keyFileHeader:
			return nil, fmt.Errorf("line 1 is not %q: it is no key file, or was written by a newer lwbs", keyFileHeader)
		case n == 1 || line == "" || line[0] == '#':
		default:
			if err := k.add(line); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(k.keys) == 0 {
		return nil, errors.New("it has no key")
	}
	return k, nil
}

// add reads one line: ID, creation time, key. The last one seals. Errors repeat no word of the
// line: if the words are out of order, any may be the key.
func (k *Keyring) add(line string) error {
	words := strings.Fields(line)
	if len(words) != 3 {
		return errors.New("it does not have an ID, a time and a key")
	}
	id, err := strconv.ParseUint(words[0], 10, 16)
	if err != nil || id == 0 || k.keys[uint16(id)] != nil {
		return errors.New("the first word is not a new key ID of 1 to 65535")
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(words[2], "="))
	switch {
	case err != nil:
		return errors.New("the key is not Base64: a character of it is wrong, missing or too many")
	case len(key) != keySize:
		return fmt.Errorf("the key has %d bytes, not %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	k.primary = uint16(id)
	k.keys[k.primary] = aead
	return nil
}

// Save writes the key file, mode 0600, whole or not at all. It replaces no file: then its error
// wraps [fs.ErrExist].
func (k *Keyring) Save(file string) error {
	tmp, err := os.CreateTemp(filepath.Dir(file), ".lwbs-key-*")
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(k.text.Reveal())
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Link(tmp.Name(), file) // unlike a rename, it fails where file exists
	}
	if err == nil {
		err = store.SyncDir(filepath.Dir(file))
	}
	if err != nil {
		return fmt.Errorf("write key file: %w", err)
	}
	return nil
}

// LentByRoot reports whether a file is one of root that this process, which is not root, may read by its group or by an
// access list, and no other can: as systemd gives credentials, and Kubernetes secrets.
func LentByRoot(info fs.FileInfo) bool {
	return lent(info.Mode().Perm(), ownerOf(info), os.Geteuid())
}

// lent is LentByRoot for a file of a mode and an owner.
func lent(mode fs.FileMode, owner, user int) bool {
	return owner == 0 && user != 0 && mode&^0o440 == 0
}

// KeyringFor returns the Keyring in file. With fresh it makes the file where there is none;
// without, for an existing database, a missing file is ErrNoKey.
func KeyringFor(file string, fresh bool) (*Keyring, error) {
	k, err := LoadKeyring(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if !fresh {
		return nil, fmt.Errorf("key file %s: %w: the database exists, and its secrets cannot be read without it", file, store.ErrNoKey)
	}
	if k, err = NewKeyring(); err != nil {
		return nil, err
	}
	return k, k.Save(file)
}

// Seal returns b sealed for one field of one record; nil for an empty b.
func (k *Keyring) Seal(b []byte, place string) []byte {
	if len(b) == 0 {
		return nil
	}
	return k.AppendSeal(make([]byte, 0, len(b)+sealSize), b, []byte(place))
}

// AppendSeal appends b as Seal seals it; nothing for an empty b.
func (k *Keyring) AppendSeal(dst, b, place []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(append(dst, sealVersion), k.primary)
	return k.keys[k.primary].Seal(dst, nil, b, place)
}

// Open returns what was sealed for the same place. Its error is ErrNoKey where the Keyring does
// not have the key, else ErrCorrupt.
func (k *Keyring) Open(sealed []byte, place string) ([]byte, error) {
	return k.AppendOpen(nil, sealed, []byte(place))
}

// AppendOpen appends what Open returns.
func (k *Keyring) AppendOpen(dst, sealed, place []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return dst, nil
	}
	if len(sealed) < sealOverhead || sealed[0] != sealVersion {
		return dst, fmt.Errorf("open secret: %w", store.ErrCorrupt)
	}
	aead := k.keys[binary.BigEndian.Uint16(sealed[1:])]
	if aead == nil {
		return dst, fmt.Errorf("open secret: key %d: %w", binary.BigEndian.Uint16(sealed[1:]), store.ErrNoKey)
	}
	opened, err := aead.Open(dst, nil, sealed[sealOverhead:], place)
	if err != nil {
		return dst, fmt.Errorf("open secret: %w", store.ErrCorrupt)
	}
	return opened, nil
}
