import type {
  ClientUnaryCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  requestCallback,
} from "@grpc/grpc-js";
import type { CallContext, MessageSink } from "./call.ts";

/**
 * The unary methods of a generated client (`UnaryApi<ControlClient>`) as plain async functions:
 * `{ createService(request: CreateServiceRequestInput): Promise<CreateServiceResponse>; … }`.
 */
export type UnaryApi<Client> = {
  readonly [Method in keyof Client as Client[Method] extends UnaryMethod
    ? Method extends Uncapitalize<string & Method>
      ? Method
      : never
    : never]: Client[Method] extends (
    argument: infer Request,
    callback: requestCallback<infer Response>,
  ) => ClientUnaryCall
    ? (request: Request) => Promise<Response>
    : never;
};

type UnaryMethod = (argument: never, callback: requestCallback<unknown>) => ClientUnaryCall;

/** The handlers RpcServer takes for a generated service (`ServiceHandlers<ControlHandlers>`). */
export type ServiceHandlers<Generated> = {
  readonly [Method in keyof Generated as string extends Method
    ? never
    : Uncapitalize<string & Method>]: ServiceHandler<Generated[Method]>;
};

type ServiceHandler<Handler> =
  Handler extends handleUnaryCall<infer Request, infer Response>
    ? (request: Request, context: CallContext) => Promise<Response>
    : Handler extends handleServerStreamingCall<infer Request, infer Response>
      ? (request: Request, context: CallContext, stream: MessageSink<Response>) => Promise<void>
      : Handler extends handleClientStreamingCall<infer Request, infer Response>
        ? (requests: AsyncIterable<Request>, context: CallContext) => Promise<Response>
        : never;
