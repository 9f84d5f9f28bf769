"""Pictures of users behind nginx: uploads of the largest size pass, files come back, and no log has their names."""

import asyncio
from pathlib import Path
from typing import Any

from PIL import Image

from graph.settings import AvatarsSettings
from graph.simulator.serving import WeChatSimulator
from models.migrate import migrate
from tests.deploy.proxy import coded, nginx
from tests.deploy.replicas import Replica
from tests.pictures.files import encoded
from tests.processes import serve_environment
from tests.server import LOGIN


def test_uploads_and_pictures_pass_the_proxy_and_larger_ones_do_not(
    wechat_simulator: WeChatSimulator, tmp_path: Path
) -> None:
    url = f"sqlite://{tmp_path}/wxgate.db"
    asyncio.run(migrate(url))
    pictures = {
        "WXGATE_AVATARS_STORE": f"file://{tmp_path}/avatars",
        "WXGATE_AVATARS_PUBLIC_URL": "https://api.example.com/avatars",
    }
    settings = serve_environment(wechat_simulator, url, WXGATE_HTTP_TRUSTED_PROXIES="127.0.0.1", **pictures)
    replica, most = Replica(settings, tmp_path / "replica.log"), AvatarsSettings().max_bytes
    # Noise does not compress: three bytes a pixel.
    photo = encoded(Image.effect_noise((1300, 1300), 200).convert("RGB"), "PNG", compress_level=1)
    assert most / 4 < len(photo) < most

    def upload(data: bytes) -> Any:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}
        return http.post("/uploads/avatar", content=data, headers=headers)

    try:
        replica.start()
        with nginx(tmp_path, [replica.port, replica.port]) as proxy, proxy.client() as http:
            login = {"query": LOGIN, "variables": {"code": wechat_simulator.login("alice")}}
            token = http.post("/graphql", json=login).json()["data"]["login"]["token"]
            taken = upload(photo.ljust(most, b"\0"))
            shown = http.get(f"/avatars/{taken.json()['avatar']}.jpg")
            refused = [upload(bytes(size)) for size in (most + 65_536, 2 * most)]
            elsewhere = coded(http.get("/avatars/"), 404)
            replica.stop()
            later = coded(upload(photo), 503)
    finally:
        replica.end()
    assert taken.status_code == 201, taken.text
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert "immutable" in shown.headers["cache-control"]
    assert [response.json()["errors"][0]["extensions"]["code"] for response in refused] == ["PAYLOAD_TOO_LARGE"] * 2
    assert (elsewhere, later) == ("NOT_FOUND", "SERVICE_UNAVAILABLE")
    for log in ("access.log", "error.log", "replica.log"):
        assert taken.json()["avatar"] not in (tmp_path / log).read_text("utf-8")
    assert "temporary file" not in (tmp_path / "error.log").read_text("utf-8")
    assert " POST /uploads/avatar 201 " in (tmp_path / "access.log").read_text("utf-8")
