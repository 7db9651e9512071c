"""The fault runs of `tests/faults` with moto behind the misbehaving S3: bodies, keys and errors pass through a store
that is not ours.
"""

import http.client
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import plan
import pytest
from play import play
from support import binary
from world import S3, World, compile_rules

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

RUNS = 40
# moto checks no signature, but lets only those read who have one.
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20260314/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"


class BeforeMoto(S3):
    """Passes GETs on to moto, and what comes back as the plan wants it."""

    def __init__(self, endpoint: str) -> None:
        super().__init__()
        self._moto = urlsplit(endpoint).netloc
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self._client.create_bucket(Bucket=plan.BUCKET)

    def put(self, key: str, body: bytes, answers: list[str]) -> None:
        """The object goes to moto, the misdeeds stay here."""
        super().put(key, b"", answers)
        self._client.put_object(Bucket=plan.BUCKET, Key=key, Body=body)

    def body(self, target: str, key: str) -> bytes | None:
        """What moto gives for the very path that the function asked for."""
        connection = http.client.HTTPConnection(self._moto)
        connection.request("GET", target, headers={"Authorization": SIGNED})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return body if response.status == 200 else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The function between its Runtime API and moto."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    folder = tmp_path_factory.mktemp("faults")
    compile_rules(binary("iota"), folder)
    host, port = server.get_host_and_port()
    world = World(binary("bootstrap"), folder, BeforeMoto(f"http://{host}:{port}"))
    try:
        yield world
    finally:
        world.end()
        server.stop()


@pytest.mark.parametrize("run", range(RUNS))
def test_nothing_is_missing_after_the_retries(world: World, run: int) -> None:
    """No alert is missing, ids repeat, the balance holds, and the answer names what failed."""
    drawn = plan.draw(f"moto/{run}")
    print(drawn.shown())

    result = play(drawn, world)

    assert result.attempts >= 1
