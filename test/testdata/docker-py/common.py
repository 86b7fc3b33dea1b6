"""What the scripts beside this one share: clients of the test cluster, and waiting."""

import os
import time

import docker
from docker.errors import APIError

MANAGER_ADDRESS = os.environ.get("MANAGER_ADDRESS", "")
SPARE_ADDRESS = os.environ.get("SPARE_ADDRESS", "")


def manager(**options):
    """A client of the first manager, found as every program finds its engine: by DOCKER_HOST."""
    return docker.from_env(version=options.pop("version", "auto"), timeout=30, **options)


def worker():
    return docker.DockerClient(base_url=os.environ["WORKER_HOST"], version="auto", timeout=30)


def spare():
    """A daemon that is in no swarm."""
    return docker.DockerClient(base_url=os.environ["SPARE_HOST"], version="auto", timeout=30)


def until(what, check, seconds=30):
    """The first truthy answer of `check`."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("%s: not within %s s" % (what, seconds))
        time.sleep(0.1)


def eventually(what, call):
    """Calls until it is not refused any more: what was in use is let go a little later."""

    def attempt():
        try:
            call()
            return True
        except APIError as error:
            said = str(error)
            assert "in use" in said or "has active" in said, said
            return False

    return until(what, attempt)


def refused(status, text, call, *args, **kwargs):
    """The call must fail with this status and these words."""
    try:
        call(*args, **kwargs)
    except APIError as error:
        said = str(error)
        assert error.response.status_code == status, said
        assert text in said, said
        return
    raise AssertionError("not refused: %s" % text)


def running(service, count):
    """Waits until exactly so many tasks of the service run, and gives them."""

    def check():
        tasks = service.tasks(filters={"desired-state": "running"})
        states = [task["Status"]["State"] for task in tasks]
        return states == ["running"] * count and tasks or (count == 0 and not tasks)

    return until("%s tasks of %s" % (count, service.name), check)
