import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { must } from "../../../src/base/assert.ts";
import { runScript } from "../../support/consumer-scripts.ts";
import { TestCluster } from "../../support/test-cluster.ts";
import { testdataFolder } from "../../support/testdata.ts";
import { webImage } from "../../support/web-image.ts";

const works = (file: string, ...args: string[]): boolean =>
  spawnSync(file, args, { timeout: 30_000 }).status === 0;
const hasAnsible =
  works("ansible-playbook", "--version") && works("/usr/bin/python3", "-c", "import docker");
const title = hasAnsible ? "" : " (skipped: no ansible and python3-docker on this machine)";
const hasJsonDiff = hasAnsible && works("/usr/bin/python3", "-c", "import jsondiff");
const stackTitle = hasJsonDiff ? "" : " (skipped: no python3-jsondiff on this machine)";

describe(`Ansible's community.docker describes a cluster${title}`, function () {
  this.timeout(120_000);
  let cluster: TestCluster;

  before(async function () {
    if (!hasAnsible) this.skip();
    cluster = await TestCluster.create({ managers: 0, spares: 1, images: [webImage("1")] });
  });

  after(async function () {
    this.timeout(30_000);
    await cluster?.destroy();
  });

  /** Plays it; how many tasks changed something. */
  async function play(name: string): Promise<number> {
    const { host } = must(cluster.daemons[0], "the daemon");
    const playbook = join(testdataFolder("ansible"), `${name}.yaml`);
    const output = await runScript(cluster, "ansible-playbook", ["-i", "localhost,", playbook], {
      MANAGER_IP: host.ip,
      ANSIBLE_PIPELINING: "true",
      ANSIBLE_NOCOLOR: "1",
      ANSIBLE_LOCALHOST_WARNING: "false",
      ANSIBLE_HOME: host.stateDir,
      ANSIBLE_LOCAL_TEMP: join(host.stateDir, "ansible"),
      ANSIBLE_REMOTE_TEMP: join(host.stateDir, "ansible"),
    });
    const [, changed] = /changed=(\d+) +unreachable=0 +failed=0/.exec(output) ?? [];
    return Number(must(changed, `a recap in ${output}`));
  }

  it("swarm, node, network, secret, config, volume and service", async () => {
    assert.equal(await play("site"), 7);
  });

  it("finds nothing to change the second time", async () => {
    assert.equal(await play("site"), 0);
  });

  it(`stacks, also twice${stackTitle}`, async function () {
    if (!hasJsonDiff) this.skip();
    assert.equal(await play("stack"), 1);
    assert.equal(await play("stack"), 0);
  });

  it(`takes everything away again, and finds nothing the second time${stackTitle}`, async function () {
    if (!hasJsonDiff) this.skip();
    assert.equal(await play("gone"), 5);
    assert.equal(await play("gone"), 0);
  });
});
