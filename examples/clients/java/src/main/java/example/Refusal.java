package example;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.BadRequest.FieldViolation;
import com.google.rpc.ErrorInfo;
import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.List;

/**
 * The details of an error that the catalog answered.
 *
 * @param reason a name of {@code ErrorReason} without its prefix; empty if the error is not the catalog's
 * @param violations the refused fields; empty unless the code is INVALID_ARGUMENT
 */
record Refusal(String reason, List<FieldViolation> violations) {
    static Refusal of(StatusRuntimeException error) {
        return of(StatusProto.fromThrowable(error));
    }

    /** Reads a status, also that of a failed item of a bulk load. */
    static Refusal of(Status status) {
        String reason = "";
        List<FieldViolation> violations = List.of();
        try {
            for (Any detail : status.getDetailsList()) {
                if (detail.is(ErrorInfo.class)) {
                    reason = detail.unpack(ErrorInfo.class).getReason();
                } else if (detail.is(BadRequest.class)) {
                    violations = detail.unpack(BadRequest.class).getFieldViolationsList();
                }
            }
        } catch (InvalidProtocolBufferException error) {
            throw new IllegalArgumentException("the details of a status do not decode", error);
        }
        return new Refusal(reason, violations);
    }

    static String describe(FieldViolation violation) {
        return "%s: %s (%s)".formatted(violation.getField(), violation.getDescription(), violation.getReason());
    }
}
