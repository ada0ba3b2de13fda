"""Envelopes by securesystemslib and statements by in-toto-attestation, in an environment that has them.

``sign KEY`` makes an envelope of the payload on standard input, ``verify KEY`` verifies one, ``statement`` makes the
statement whose parts are given as JSON, and ``read`` prints those of one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner, SSlibKey

TYPE = "application/vnd.in-toto+json"


def main(what: str, *key: str) -> None:
    given = sys.stdin.buffer.read()
    if what == "sign":
        envelope = Envelope(given, TYPE, {})
        envelope.sign(CryptoSigner(load_pem_private_key(Path(key[0]).read_bytes(), None)))
        print(json.dumps(envelope.to_dict()))
    elif what == "verify":
        public = SSlibKey.from_crypto(load_pem_public_key(Path(key[0]).read_bytes()))
        envelope = Envelope.from_dict(json.loads(given))
        print(len(envelope.verify([public], 1)))
    elif what == "statement":
        parts = json.loads(given)
        subject = ResourceDescriptor(name=parts["name"], digest={"sha256": parts["sha256"]}).pb
        said = Statement([subject], parts["type"], parts["predicate"])
        if parts["predicate"]:  # it takes an empty one for none, which a signature's is
            said.validate()
        print(json_format.MessageToJson(said.pb))
    else:
        said = Statement.copy_from_pb(json_format.Parse(given, statement_pb2.Statement()))
        if said.pb.predicate.fields:
            said.validate()
        (subject,) = said.pb.subject
        print(json.dumps([subject.name, subject.digest["sha256"], said.pb.predicate_type]))


main(*sys.argv[1:])
