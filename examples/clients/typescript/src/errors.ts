/** What the errors of the catalog say to programs. */

import { Code, ConnectError } from "@connectrpc/connect";

import {
  type BadRequest_FieldViolation,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
} from "../generated/google/rpc/error_details_pb.js";

/** What Connect reports for a stream that something between client and server has cut. */
const CUT = new Set([Code.Aborted, Code.Canceled, Code.DeadlineExceeded, Code.Internal, Code.Unknown]);

/** Returns the reason of an error and its metadata; undefined if the error does not come from the catalog. */
export function infoOf(error: ConnectError): ErrorInfo | undefined {
  return error.findDetails(ErrorInfoSchema)[0];
}

/** Returns every field that the catalog refused; none unless the code is INVALID_ARGUMENT. */
export function violationsOf(error: ConnectError): BadRequest_FieldViolation[] {
  return error.findDetails(BadRequestSchema).flatMap((details) => details.fieldViolations);
}

/** Tells whether a call failed on its way. The catalog's own errors always carry an ErrorInfo. */
export function isConnectionFailure(error: unknown): error is ConnectError {
  if (!(error instanceof ConnectError)) {
    return false;
  }
  return error.code === Code.Unavailable || (CUT.has(error.code) && infoOf(error) === undefined);
}
