//! PD's gRPC service: members, timestamps, regions, stores, safe points.
