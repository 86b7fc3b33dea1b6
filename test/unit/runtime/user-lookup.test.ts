import assert from "node:assert/strict";
import { isClusterError } from "../../../src/base/errors.ts";
import { lookupUser } from "../../../src/runtime/user-lookup.ts";

const passwd =
  "root:x:0:0:root:/root:/bin/sh\n# note\nbroken\nweb:x:1000:1001:w:/home/web:/bin/sh\n";
const group = "root:x:0:\nweb:x:1001:\nextra:x:2000:other,web\nbig:x:99999999999:\n";

describe("user lookup", () => {
  const table = [
    { name: "nobody named", user: "", want: [0, 0, [], "/root"] },
    { name: "a name", user: "web", want: [1000, 1001, [2000], "/home/web"] },
    { name: "a listed number", user: "1000", want: [1000, 1001, [2000], "/home/web"] },
    { name: "an unlisted number", user: "4242", want: [4242, 0, [], "/"] },
    { name: "name and group", user: "web:extra", want: [1000, 2000, [], "/home/web"] },
    { name: "numbers", user: "5:6", want: [5, 6, [], "/"] },
    { name: "more groups", user: "5", groups: ["extra", "77"], want: [5, 0, [77, 2000], "/"] },
  ] as const;
  for (const { name, user, want, ...rest } of table) {
    it(name, () => {
      const groups = "groups" in rest ? rest.groups : [];
      const got = lookupUser(user, groups, passwd, group);
      assert.deepEqual([got.uid, got.gid, got.additionalGids, got.home], want);
    });
  }

  for (const user of ["ghost", "web:ghost", "2147483648", "5:4294967296", "web:big"]) {
    it(`refuses ${user}`, () => {
      assert.throws(
        () => lookupUser(user, [], passwd, group),
        (error) => isClusterError(error, "INVALID_ARGUMENT"),
      );
    });
  }
});
