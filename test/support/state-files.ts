/** A kind of file in the folder of a daemon, and what may happen to it unnoticed. */
export interface StateFile {
  /** Its path below the data root, whole. */
  readonly form: RegExp;
  /** Damage that may go unnoticed, because what is read is the same all the same; all other damage must be told. */
  readonly harmless: RegExp;
  /** Nobody needs what is in it: some kinds of damage are enough. */
  readonly isDisposable?: boolean;
  /** Also tried where it is locked with an unlock key. */
  readonly isSecret?: boolean;
}

/**
 * All files that the membership of a node consists of: every one that is found in a real folder must be of one kind, and every kind must
 * be there.
 */
export const swarmFiles: readonly StateFile[] = [
  // White space and the like; its checksum covers what it says.
  { form: /^swarm\/member\.json$/, harmless: /^(bit|without its end|readable|owned)/ },
  {
    form: /^swarm\/certificates\/swarm-(node|root-ca)\.crt$/,
    harmless: /^(bit|without its end|readable|owned)/,
  },
  {
    form: /^swarm\/certificates\/swarm-(node\.key|data-keys\.json)$/,
    harmless: /^(bit|without its end)/,
    isSecret: true,
  },
  // A bit makes it format 2, which is read as well.
  { form: /^swarm\/raft\/log\/format$/, harmless: /^(bit 0|removed|another|readable|owned)/ },
  // Not synced, so that it may not have reached the disk; another's may be of fewer writes.
  { form: /^swarm\/raft\/log\/high-water$/, harmless: /^(empty|removed|another|readable|owned)/ },
  { form: /^swarm\/raft\/log\/log\/CURRENT$/, harmless: /^(another|readable|owned)/ },
  {
    form: /^swarm\/raft\/log\/log\/MANIFEST-\d+$/,
    harmless: /^(bit|without its end|another|readable|owned)/,
  },
  // The segments have what is in it, and more.
  {
    form: /^swarm\/raft\/log\/log\/\d+\.log$/,
    harmless: /^(bit|cut|without its end|empty|removed|readable|owned)/,
  },
  // A part of it is of entries that are not needed any more.
  { form: /^swarm\/raft\/log\/log\/\d+\.ldb$/, harmless: /^(bit|readable|owned)/ },
  // LevelDB's own messages and its lock: nobody reads them.
  {
    form: /^swarm\/raft\/log\/log\/(LOG|LOG\.old|LOCK)$/,
    harmless: /^(?!a folder)/,
    isDisposable: true,
  },
  // The database has what is in it: the daemon ended in order.
  { form: /^swarm\/raft\/log\/segment-[01]$/, harmless: /^(?!a folder)/ },
  {
    form: /^swarm\/raft\/snapshots\/[0-9a-f]+-[0-9a-f]+\.snapshot$/,
    harmless: /^(readable|owned)/,
  },
  // Tasks that are lost here are told again by the managers.
  { form: /^swarm\/worker\/tasks\/.*$/, harmless: /./, isDisposable: true },
];
