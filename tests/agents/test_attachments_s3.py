"""Attachments may be kept in another Django storage, here an S3-compatible server: moto's, over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.agents.requests import Json, desk_of
from tests.agents.test_attachments import PNG, attach, fetch, name_it, trimmed
from tests.chaos.cluster import cluster

SECRET = "of the test's own server"
REMOVE = "from agents.maintenance import remove_attachments\nremove_attachments()"


def file_of(attachment: Json) -> str:
    return str(attachment["id"]).replace("-", "")


@pytest.fixture
def service() -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server
    server.stop()


def test_attachments_are_kept_in_s3_compatible_storage(
    tmp_path_factory: pytest.TempPathFactory, service: ThreadedMotoServer
) -> None:
    host, port = service.get_host_and_port()
    url = f"http://{host}:{port}"
    bucket = boto3.resource(
        "s3", "us-east-1", endpoint_url=url, aws_access_key_id="key", aws_secret_access_key=SECRET
    ).Bucket("attachments")
    bucket.create()

    def kept() -> dict[str, Any]:
        return {item.key.rpartition("/")[2]: item for item in bucket.objects.all()}

    options = {"bucket_name": bucket.name, "endpoint_url": url, "access_key": "key", "secret_key": SECRET}
    env = {
        "ATTACHMENT_STORAGE": "storages.backends.s3.S3Storage",
        "ATTACHMENT_STORAGE_OPTIONS": json.dumps(options),
    }
    folder = tmp_path_factory.mktemp("s3")
    with cluster(folder, env) as servers:
        desk, run = desk_of(servers), servers.servers[0].run
        made, lost, last = (attach(desk).data for _ in range(3))
        assert fetch(desk.root, made["id"]).content == PNG
        assert kept().keys() == {file_of(each) for each in (made, lost, last)}
        assert not (folder / "server0" / "attachments").exists()

        name_it(desk, made)
        run("shell", "-v", "0", "-c", trimmed(desk) + REMOVE)
        assert fetch(desk.root, made["id"]).status == 404
        assert file_of(made) not in kept(), "it is removed with the last event that names it"

        kept()[file_of(lost)].delete()
        assert fetch(desk.root, lost["id"]).status == 404

        service.stop()
        assert attach(desk).status == 503
        assert fetch(desk.root, last["id"]).status == 503
