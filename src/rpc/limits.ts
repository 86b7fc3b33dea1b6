/** Largest message either side sends or takes, bytes. Well above any store entry or raft batch. */
export const messageBytesMax = 64 * 1024 * 1024;

/** Options of both sides: found dead peers within about 4 s, and 1 MiB windows for snapshots. */
export const transportOptions = {
  "grpc.max_send_message_length": messageBytesMax,
  "grpc.max_receive_message_length": messageBytesMax,
  "grpc.keepalive_time_ms": 2_000,
  "grpc.keepalive_timeout_ms": 2_000,
  "grpc.enable_channelz": 0,
  "grpc-node.flow_control_window": 1024 * 1024,
} as const;
