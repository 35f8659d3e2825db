//! A store's gRPC service: checks each request's region, then runs its command.
