"""What a user of huggingface_hub does, for whichever version runs this file. Each step prints one line of JSON.

Not imported by any test: it runs in the library's own virtual environment.
"""

import json
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi, hf_hub_download, snapshot_download


def tour(repo, files, folder, commit, version, alias):
    """Everything that reads, once."""
    api = HfApi()
    info = api.model_info(repo, revision=alias, files_metadata=True)
    return {
        "library": huggingface_hub.__version__,
        "snapshot": snapshot_download(repo, revision=alias),
        "default": hf_hub_download(repo, files[0]),
        "by_version": hf_hub_download(repo, files[0], revision=version),
        "by_commit": [hf_hub_download(repo, file, revision=commit) for file in files],
        "again": snapshot_download(repo, revision=commit),
        "info": {"sha": info.sha, "tags": info.tags, "author": info.author, "created": str(info.created_at)},
        "siblings": {sibling.rfilename: [sibling.size, sibling.lfs.sha256] for sibling in info.siblings},
        "main_sha": api.repo_info(repo).sha,
        "files": api.list_repo_files(repo, revision=alias),
        "tree": [entry.path for entry in api.list_repo_tree(repo, revision=alias)],
        "folder": [
            entry.path for entry in api.list_repo_tree(repo, folder, revision=alias, recursive=True, expand=True)
        ],
        "paths": [entry.path for entry in api.get_paths_info(repo, [*files, folder, "no such file"], revision=alias)],
        "refs": {
            kind: {ref.name: ref.target_commit for ref in getattr(api.list_repo_refs(repo), kind)}
            for kind in ("branches", "tags")
        },
        "commits": [
            [found.commit_id, found.title, found.authors, str(found.created_at)]
            for found in api.list_repo_commits(repo, revision=version)
        ],
        "models": [model.id for model in api.list_models(author=repo.split("/")[0], limit=5)],
        "exists": [
            api.repo_exists(repo),
            api.repo_exists(repo + "x"),
            api.file_exists(repo, files[0]),
            api.file_exists(repo, "no such file"),
            api.revision_exists(repo, alias),
            api.revision_exists(repo, "nobody"),
        ],
        "auth_check": api.auth_check(repo),
        "whoami": api.whoami(token="hf_of_no_account")["name"],
        "errors": {
            "repo": _raised(lambda: hf_hub_download(repo + "x", files[0])),
            "revision": _raised(lambda: hf_hub_download(repo, files[0], revision="nobody")),
            "commit": _raised(lambda: hf_hub_download(repo, files[0], revision="0" * 40)),
            "file": _raised(lambda: hf_hub_download(repo, "no such file", revision=alias)),
            "folder": _raised(lambda: list(api.list_repo_tree(repo, "no such folder", revision=alias))),
            "auth check": _raised(lambda: api.auth_check(repo + "x")),
            "one name": _raised(lambda: hf_hub_download("gpt2", "config.json")),
        },
    }


def _raised(work):
    """The classes of the error, the nearest first."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see
        return [kind.__name__ for kind in type(error).__mro__]
    return []


def cards(repo, without):
    """What the packages say of themselves, and lists by it."""
    api = HfApi()
    info, other = api.model_info(repo), api.model_info(without)

    def ids(**asked):
        return [model.id for model in api.list_models(**asked)]

    library = {"library": "transformers"} if huggingface_hub.__version__ < "1" else {"filter": "transformers"}
    return {
        "card": info.card_data.to_dict(),
        "config": info.config,
        "info": [info.pipeline_tag, info.library_name, info.tags],
        "without": [other.pipeline_tag, other.library_name, other.tags],
        "lists": {
            "tag": ids(filter="cells"),
            "two tags": ids(filter=["cells", "license:apache-2.0"]),
            "a tag of each": ids(filter=["cells", "organ:liver"]),
            "task": ids(filter="text-classification"),
            "pipeline_tag": ids(pipeline_tag="text-classification"),
            "own tag": ids(filter="organ:liver"),
            "author and tag": ids(author="celltype", filter="organ:liver"),
            "search": ids(search="named"),
            "library": ids(**library),
            "nobody's": ids(filter="nobody's"),
            "gated": ids(gated=True),
            "apps": ids(apps="nobody's"),
        },
        "all": len(ids()),
        "full": [[model.id, model.card_data["license"]] for model in api.list_models(filter="cells", cardData=True)],
        "newest": [model.id for model in api.list_models(sort="created_at", limit=1)],
    }


def write(repo, folder):
    """Everything that writes, and what the user reads then."""
    api = HfApi(token="hf_of_no_account")
    writes = {
        "create": lambda: api.create_repo(repo),
        "upload": lambda: api.upload_folder(repo_id=repo, folder_path=folder),
        "delete file": lambda: api.delete_file("model.pt", repo),
        "delete": lambda: api.delete_repo(repo),
        "branch": lambda: api.create_branch(repo, branch="mine"),
        "tag": lambda: api.create_tag(repo, tag="mine"),
    }
    return {name: _said(work) for name, work in writes.items()}


def with_token(repo, file, token):
    """What somebody with the token gets; of what is refused the class of the error. None: what the environment says."""
    api = HfApi(token=token)
    return {
        "file": _got(lambda: hf_hub_download(repo, file, token=token)),
        "info": _got(lambda: api.model_info(repo).id),
        "listed": _got(lambda: "".join(model.id for model in api.list_models(author=repo.split("/")[0]))),
        "whoami": _got(lambda: api.whoami()["name"]),
    }


def _got(work):
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see
        return type(error).__name__


def _said(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test shall see
        return str(error)
    return ""


def download(repo, file, revision):
    return hf_hub_download(repo, file, revision=revision)


def snapshot(repo, revision):
    return snapshot_download(repo, revision=revision)


def read(repo, file, revision, start, end):
    """A range, as headers of large files are read."""
    from huggingface_hub import HfFileSystem

    with HfFileSystem().open(f"{repo}@{revision}/{file}") as opened:
        opened.seek(start)
        return opened.read(end - start).hex()


if __name__ == "__main__":
    print("\n" + json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2])), default=str))
    assert Path(sys.argv[0]).name == "session.py"
