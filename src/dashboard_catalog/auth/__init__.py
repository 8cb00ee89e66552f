"""Who a caller is (tokens) and what that caller may do (policies); knows no gRPC, no store and no rules."""
