"""Secrets and configs: create, list, inspect, remove; a secret's data never comes back, a config's does."""

import base64

from common import manager, refused

client = manager()
secret = client.secrets.create(name="py-secret", data=b"hush", labels={"of": "tests"})
# 5.0 of the library looks for the name where the answer has none: only the id is sure here.
assert secret.id
secret = client.secrets.get(secret.id)
assert secret.name == "py-secret" and secret.attrs["Spec"]["Labels"] == {"of": "tests"}
assert "Data" not in secret.attrs["Spec"], secret.attrs
assert [one.id for one in client.secrets.list(filters={"name": "py-secret"})] == [secret.id]
assert [one.id for one in client.secrets.list(filters={"label": "of=tests"})] == [secret.id]
assert client.secrets.list(filters={"name": "nosuch"}) == []
refused(409, "already exists", client.secrets.create, name="py-secret", data=b"x")
assert secret.remove() is True
refused(404, "not found", client.secrets.get, secret.id)

config = client.configs.create(name="py-config", data=b"port: 80\n", labels={"of": "tests"})
config = client.configs.get(config.id)
assert config.name == "py-config"
assert base64.b64decode(config.attrs["Spec"]["Data"]) == b"port: 80\n"
assert [one.id for one in client.configs.list(filters={"label": "of=tests"})] == [config.id]
refused(409, "already exists", client.configs.create, name="py-config", data=b"x")
config.remove()
refused(404, "not found", client.configs.get, config.id)
