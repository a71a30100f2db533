package aptrepo

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// The little of OpenPGP (RFC 4880, with EdDSA as gpgv and sqv know it) that an apt repository
// needs: one version 4 key, its self-signature, and a clear-signed text. Made by hand because the
// library that does it brings more code than the rest of the cloud.

// signer is an archive key. It lives as long as one call of Build: whoever trusts the public
// half trusts this tree and nothing else.
type signer struct {
	key  ed25519.PrivateKey
	born time.Time
}

const userID = "Homelab Runbook lab archive (a stand-in, not Tailscale's) <lab@example.com>"

const (
	packetSignature = 2
	packetPublicKey = 6
	packetUserID    = 13

	sigText   = 0x01
	sigUserID = 0x13

	algoEdDSA  = 22
	hashSHA512 = 10

	subCreated   = 2
	subKeyFlags  = 27
	subIssuer    = 16
	subIssuerFpr = 33
	canCertify   = 0x01
	canSign      = 0x02
)

var ed25519OID = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01}

func newSigner() (*signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	// A moment ago, for a verifier whose clock is a little behind.
	return &signer{key, time.Now().Add(-time.Minute)}, nil
}

func packet(tag byte, body []byte) []byte {
	// New format with a length of five bytes, whatever the size.
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body...)
}

func mpi(b []byte) []byte {
	b = bytes.TrimLeft(b, "\x00")
	bits := len(b) * 8
	if len(b) > 0 {
		for m := byte(0x80); b[0]&m == 0; m >>= 1 {
			bits--
		}
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(bits)), b...)
}

// publicBody is the contents of the public key packet.
func (s *signer) publicBody() []byte {
	b := binary.BigEndian.AppendUint32([]byte{4}, uint32(s.born.Unix()))
	b = append(b, algoEdDSA, byte(len(ed25519OID)))
	b = append(b, ed25519OID...)
	return append(b, mpi(append([]byte{0x40}, s.key.Public().(ed25519.PublicKey)...))...)
}

// hashedKey is the key as it goes into fingerprints and signatures.
func (s *signer) hashedKey() []byte {
	b := s.publicBody()
	return append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(b))), b...)
}

func (s *signer) fingerprint() [20]byte { return sha1.Sum(s.hashedKey()) } // so defined for version 4

func subpacket(kind byte, data ...byte) []byte {
	return append([]byte{byte(len(data) + 1), kind}, data...)
}

// signature is a signature packet over data.
func (s *signer) signature(kind byte, data []byte, extra ...byte) []byte {
	fpr := s.fingerprint()
	hashed := subpacket(subCreated, binary.BigEndian.AppendUint32(nil, uint32(time.Now().Add(-time.Second).Unix()))...)
	hashed = append(hashed, subpacket(subIssuerFpr, append([]byte{4}, fpr[:]...)...)...)
	hashed = append(hashed, extra...)
	head := binary.BigEndian.AppendUint16([]byte{4, kind, algoEdDSA, hashSHA512}, uint16(len(hashed)))
	head = append(head, hashed...)

	h := sha512.New()
	h.Write(data)
	h.Write(head)
	h.Write(binary.BigEndian.AppendUint32([]byte{4, 0xff}, uint32(len(head))))
	digest := h.Sum(nil)
	sig := ed25519.Sign(s.key, digest)

	issuer := subpacket(subIssuer, fpr[12:]...)
	body := binary.BigEndian.AppendUint16(head, uint16(len(issuer)))
	body = append(body, issuer...)
	body = append(body, digest[:2]...)
	body = append(body, mpi(sig[:32])...)
	return packet(packetSignature, append(body, mpi(sig[32:])...))
}

// keyring is the public half, as apt's signed-by wants it.
func (s *signer) keyring() []byte {
	certified := append(s.hashedKey(), binary.BigEndian.AppendUint32([]byte{0xb4}, uint32(len(userID)))...)
	certified = append(certified, userID...)
	out := packet(packetPublicKey, s.publicBody())
	out = append(out, packet(packetUserID, []byte(userID))...)
	return append(out, s.signature(sigUserID, certified, subpacket(subKeyFlags, canCertify|canSign)...)...)
}

// clearsign is text with its signature below it (a repository's InRelease).
func (s *signer) clearsign(text string) []byte {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	// The signature is over lines without blanks at their ends, joined by CR LF.
	signed := make([]string, len(lines))
	shown := make([]string, len(lines))
	for i, l := range lines {
		signed[i] = strings.TrimRight(l, " \t\r")
		shown[i] = l
		if strings.HasPrefix(l, "-") {
			shown[i] = "- " + l
		}
	}
	sig := s.signature(sigText, []byte(strings.Join(signed, "\r\n")))
	return fmt.Appendf(nil, "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n%s\n%s", strings.Join(shown, "\n"), armor("SIGNATURE", sig))
}

// armor is data as text.
func armor(kind string, data []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-----BEGIN PGP %s-----\n\n", kind)
	text := base64.StdEncoding.EncodeToString(data)
	for len(text) > 64 {
		b.WriteString(text[:64] + "\n")
		text = text[64:]
	}
	sum := crc24(data)
	fmt.Fprintf(&b, "%s\n=%s\n-----END PGP %s-----\n", text,
		base64.StdEncoding.EncodeToString([]byte{byte(sum >> 16), byte(sum >> 8), byte(sum)}), kind)
	return b.String()
}

func crc24(data []byte) uint32 {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return crc & 0xffffff
}
