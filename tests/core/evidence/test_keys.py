"""Keys are read or refused with what is wrong; a signature holds for its key and its data alone."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from registry_core.evidence import keys

from .signers import KINDS, private

INFO = PublicFormat.SubjectPublicKeyInfo
LINE = keys.ssh_blob(private().public)


def ssh_line(public: keys.PublicKey) -> str:
    return str(public.inner.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode())


def pem_of(inner: dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return inner.public_key().public_bytes(Encoding.PEM, INFO).decode()


def named(name: str) -> str:
    """A line of OpenSSH of that type, with the type inside too."""
    return f"{name} " + base64.b64encode(len(name).to_bytes(4, "big") + name.encode() + LINE[15:]).decode()


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_the_same_however_it_is_written(kind: str) -> None:
    public = private(kind).public
    assert keys.parse_public("pem", keys.public_pem(public)) == public
    assert keys.parse_public("ssh", f"{ssh_line(public)} ada@laptop, who else\n") == public
    assert keys.parse_ssh_blob(keys.ssh_blob(public)) == public
    assert keys.load_private(keys.private_pem(private(kind))).public == public
    assert public.sha256 == hashlib.sha256(public.inner.public_bytes(Encoding.DER, INFO)).hexdigest()


def test_a_point_that_is_written_short_is_the_same_key() -> None:
    inner = private("p256").public.inner
    point = inner.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    pem = f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(head + point).decode()}\n-----END PUBLIC KEY-----\n"
    assert keys.parse_public("pem", pem) == private("p256").public


ED25519 = private()
WEAK = rsa.generate_private_key(65537, 1024)
REFUSED = {
    "RSA of 1,024 bits": ("pem", pem_of(WEAK), "2048"),
    "RSA of 1,024 bits, of OpenSSH": (
        "ssh",
        rsa.generate_private_key(65537, 1024)
        .public_key()
        .public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        .decode(),
        "2048",
    ),
    "DSA": ("pem", pem_of(dsa.generate_private_key(2048)), "none of"),
    "DSA of OpenSSH": ("ssh", named("ssh-dss"), "DSA"),
    "a security token": ("ssh", named("sk-ssh-ed25519@openssh.com"), "sk-"),
    "a certificate of OpenSSH": ("ssh", named("ssh-ed25519-cert-v01@openssh.com"), "certificate"),
    "one type outside, another inside": ("ssh", f"ssh-rsa {base64.b64encode(LINE).decode()}", "no public key"),
    "a certificate": ("pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "certificate"),
    "another curve": ("pem", pem_of(ec.generate_private_key(ec.SECP256K1())), "P-256"),
    "a private key": ("pem", keys.private_pem(ED25519).decode(), "private"),
    "a private key of OpenSSH": (
        "ssh",
        ED25519.inner.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
        "private",
    ),
    "two keys": ("pem", keys.public_pem(ED25519.public) * 2, "not one public key"),
    "two lines": ("ssh", f"{ssh_line(ED25519.public)}\n{ssh_line(ED25519.public)}", "one line"),
    "options of authorized_keys": ("ssh", f"no-pty {ssh_line(ED25519.public)}", "one line"),
    "cut off": ("ssh", ssh_line(ED25519.public)[:-8], "no public key"),
    "huge": ("ssh", f"ssh-ed25519 {'A' * 1_000_000}", "too long"),
    "NUL": ("ssh", f"ssh-ed25519 AAAA\0{ssh_line(ED25519.public)}", "no public key"),
    "half a character": ("pem", "-----BEGIN PUBLIC KEY-----\n\ud800\n-----END PUBLIC KEY-----", "not one public key"),
    "nothing": ("ssh", "", "no public key"),
    "a type that nobody knows": ("x509", "AAAA", "of the type"),
}


@pytest.mark.parametrize(("kind", "text", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(kind: str, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        keys.parse_public(kind, text)


@given(st.sampled_from(["ssh", "pem"]), st.binary(max_size=200))
def test_any_bytes_are_a_key_or_refused(kind: str, data: bytes) -> None:
    text = base64.b64encode(data).decode()
    line = f"ssh-rsa {text}" if kind == "ssh" else f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----"
    for one in (line, data.decode("latin-1")):
        with pytest.raises(ValueError, match=r"\w"):
            keys.parse_public(kind, one)
    with pytest.raises(ValueError, match=r"\w"):
        keys.parse_ssh_blob(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_signature_holds_for_its_key_and_its_data(kind: str) -> None:
    made = keys.sign(private(kind), b"data")
    assert keys.verifies(private(kind).public, made, b"data")
    assert not keys.verifies(private(kind).public, made, b"date")
    assert not keys.verifies(private(kind, 1).public, made, b"data")
    assert not keys.verifies(private(kind).public, made[:-1] + bytes([made[-1] ^ 1]), b"data")
    for other in KINDS:
        assert keys.verifies(private(other).public, made, b"data") is (other == kind)


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_any_bytes_are_no_signature(kind: str, data: bytes) -> None:
    assert not keys.verifies(private(kind).public, data, b"data")
    assert not keys.verifies_ssh(private(kind).public, keys.ssh_algorithm(private(kind).public), data, b"data")


@pytest.mark.parametrize("salt", [0, 20, 32, padding.PSS.MAX_LENGTH])
@pytest.mark.parametrize("sha", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()], ids=lambda sha: sha.name)
def test_rsa_with_any_salt(salt: int, sha: hashes.HashAlgorithm) -> None:
    made = private("rsa").inner.sign(b"data", padding.PSS(padding.MGF1(sha), salt), sha)
    assert keys.verifies(private("rsa").public, made, b"data")


def test_what_is_not_safe_or_not_meant_does_not_verify() -> None:
    one, sha1, sha256 = private("rsa"), hashes.SHA1(), hashes.SHA256()
    for how, sha in (
        (padding.PSS(padding.MGF1(sha1), 20), sha1),
        (padding.PSS(padding.MGF1(sha1), 32), sha256),  # another hash inside
        (padding.PKCS1v15(), sha256),
    ):
        assert not keys.verifies(one.public, one.inner.sign(b"data", how, sha), b"data")
    curve = private("p384")
    assert not keys.verifies(curve.public, curve.inner.sign(b"data", ec.ECDSA(sha256)), b"data")
    assert not keys.verifies_ssh(one.public, b"ssh-rsa", one.inner.sign(b"data", padding.PKCS1v15(), sha1), b"data")


def test_an_encrypted_key_needs_its_password() -> None:
    data = ED25519.inner.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    assert keys.load_private(data, b"secret") == ED25519
    with pytest.raises(ValueError, match="give its password"):
        keys.load_private(data)
    with pytest.raises(ValueError, match="with this password"):
        keys.load_private(data, b"other")
    with pytest.raises(ValueError, match="not encrypted"):
        keys.load_private(keys.private_pem(ED25519), b"secret")


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff" * 100, b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", LINE],
    ids=["empty", "no text", "half", "public"],
)
def test_what_is_no_private_key(data: bytes) -> None:
    with pytest.raises(ValueError, match="no private key"):
        keys.load_private(data)


def test_bytes_of_ed25519() -> None:
    public = keys.ed25519_public(ED25519.public)
    made = keys.sign_ed25519(ED25519, b"data")
    assert (len(public), len(made)) == (32, 64)
    assert keys.verify_ed25519(public, made, b"data")
    assert not keys.verify_ed25519(public, made, b"date")
    assert not keys.verify_ed25519(public[:-1], made, b"data")
    with pytest.raises(ValueError, match="Ed25519"):
        keys.sign_ed25519(private("rsa"), b"data")


def test_the_library_is_imported_when_it_is_needed() -> None:
    """Whoever has no keys needs it not, and whoever has is told what to install."""
    program = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from registry_core.evidence import keys, signed_document, ssh_signature, statement\n"
        "try: keys.parse_public('ssh', 'ssh-ed25519 AAAA')\n"
        "except Exception as error: print(error.code, error.message)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("not_configured")
    assert "[evidence]" in said
