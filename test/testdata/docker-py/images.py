"""Images: list, inspect, history, tag, save, load, remove; a pull that fails says why."""

from common import manager, refused
from docker.errors import ImageNotFound

client = manager()
image = client.images.get("skep-web:1")
assert "skep-web:1" in image.tags and image.id.startswith("sha256:")
assert image.attrs["Config"]["Env"] == ["PATH=/bin", "VERSION=1"]
assert image.attrs["Os"] == "linux" and image.attrs["RootFS"]["Layers"]
assert image.history()[0]["Id"]
assert image.id in {one.id for one in client.images.list()}
assert {one.id for one in client.images.list(name="skep-web:1")} == {image.id}
assert client.images.list(filters={"reference": "nosuch*"}) == []
assert image.tag("py-copy", "v1") is True
archive = b"".join(client.images.get("py-copy:v1").save(named="py-copy:v1"))
client.images.remove("py-copy:v1")
try:
    client.images.get("py-copy:v1")
    raise AssertionError("the tag is still there")
except ImageNotFound:
    pass
loaded = client.images.load(archive)
assert [one.id for one in loaded] == [image.id] and "py-copy:v1" in loaded[0].tags, loaded
client.images.remove("py-copy:v1")
assert client.images.get("skep-web:1").id == image.id
refused(500, "127.0.0.1:9", client.images.pull, "127.0.0.1:9/nosuch", tag="1")
refused(404, "nosuch", client.images.remove, "nosuch:1")
