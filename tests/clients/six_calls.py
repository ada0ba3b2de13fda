"""The six first calls, and the archive, by a client that openapi-python-client has made. It prints one JSON object.

Not imported by any test: it runs in that library's environment, beside the package ``generated``.
"""

import json
import sys
import tarfile

from generated import Client
from generated.api.aliases import aliases_promote
from generated.api.files import files_archive
from generated.api.health import health_health
from generated.api.registry import registry_register, registry_resolve, registry_show, registry_verify
from generated.models import PromoteRequest, RegisterRequest, RegisterRequestMetadataType0, VerifyRequest

url, package = sys.argv[1:]
client = Client(url, raise_on_unexpected_status=True)
names = {"task": "celltype_sc", "model_name": "human_pbmc"}
ref = {"client": client, "task": "celltype_sc", "ref": "human_pbmc@production"}

metadata = RegisterRequestMetadataType0.from_dict({"framework": "torch", "metrics": {"f1": 0.93}})
registration = RegisterRequest(**names, version="1.0.0", artifacts_dir=package, metadata=metadata)
promotion = PromoteRequest(**names, alias="production", version="1.0.0", reason="first")
health = health_health.sync(client=client)
registered = registry_register.sync(client=client, body=registration)
promoted = aliases_promote.sync(client=client, body=promotion)
archive = files_archive.sync(client=client, **names, selector="production")
with tarfile.open(fileobj=archive.payload) as tar:
    members = sorted(member.name for member in tar if member.isfile())
print(
    json.dumps(
        {
            "health": health.service,
            "register": registered.ok,
            "resolve": registry_resolve.sync(**ref).version,
            "show": registry_show.sync(**ref).version,
            "promote": [promoted.alias, promoted.version],
            "verify": registry_verify.sync(client=client, body=VerifyRequest(task=ref["task"], ref=ref["ref"])).ok,
            "missing": registry_resolve.sync(client=client, task="celltype_sc", ref="nobody@latest").code,
            "archive": members,
        }
    )
)
