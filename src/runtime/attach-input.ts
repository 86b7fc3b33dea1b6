import { Writable } from "node:stream";
import koffi from "koffi";
import { type Clock, sleep } from "../base/clock.ts";
import { ClusterError } from "../base/errors.ts";

const afUnix = 1;
const sockSeqpacketCloexec = 5 | 0o2000000;
const shutRead = 0;
const shutWrite = 1;
const msgDontWaitNoSignal = 0x40 | 0x4000;
/** conmon reads packets of at most this. */
const packetBytes = 8192;
const unixPathBytesMax = 107;
const retryMs = 10;

const libc = koffi.load(null);
const sysSocket = libc.func("int socket(int family, int type, int protocol)");
const sysConnect = libc.func("int connect(int fd, const void *address, unsigned int length)");
const sysSend = libc.func("long send(int fd, const void *data, size_t length, int flags)");
const sysShutdown = libc.func("int shutdown(int fd, int how)");
const sysClose = libc.func("int close(int fd)");

/**
 * The input of a container that conmon holds. Its attach socket is a sequenced-packet one, which Node
 * cannot open; output is read from the log instead, so this side only sends.
 */
export function openAttachInput(socketPath: string, clock: Clock): Writable {
  const address = Buffer.alloc(2 + unixPathBytesMax + 1);
  address.writeUInt16LE(afUnix, 0);
  if (Buffer.byteLength(socketPath) > unixPathBytesMax) {
    throw new ClusterError("INTERNAL", `attach socket path ${socketPath} is too long`);
  }
  const length = 2 + address.write(socketPath, 2) + 1;
  const fd: number = sysSocket(afUnix, sockSeqpacketCloexec, 0);
  if (fd < 0 || sysConnect(fd, address, length) !== 0) {
    if (fd >= 0) sysClose(fd);
    throw new ClusterError("FAILED_PRECONDITION", "the container's input cannot be attached to");
  }
  sysShutdown(fd, shutRead);
  let closed = false;
  const close = () => {
    if (!closed) sysClose(fd);
    closed = true;
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      sendAll(fd, chunk, clock, () => closed).then(() => done(), done);
    },
    final(done) {
      sysShutdown(fd, shutWrite);
      done();
      close();
    },
    destroy(error, done) {
      close();
      done(error);
    },
  });
}

async function sendAll(
  fd: number,
  chunk: Buffer,
  clock: Clock,
  isClosed: () => boolean,
): Promise<void> {
  for (let from = 0; from < chunk.length && !isClosed(); ) {
    const packet = chunk.subarray(from, from + packetBytes);
    if (Number(sysSend(fd, packet, packet.length, msgDontWaitNoSignal)) >= 0) {
      from += packet.length;
    } else if (koffi.errno() === koffi.os.errno["EAGAIN"]) {
      await sleep(clock, retryMs);
    } else {
      throw new ClusterError("FAILED_PRECONDITION", "the container's input is closed");
    }
  }
}
