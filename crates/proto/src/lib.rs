//! The protobuf messages and gRPC services that TiFusion speaks with PD and TiKV.
//!
//! The sources are the `.proto` files next to this crate's manifest. They are a subset of kvproto,
//! tipb and etcd's API with the same names, numbers and types; a field that is not listed there is
//! skipped on decoding. One module here is one protobuf package there; `planpb` is TiFusion's own.
//!
//! Fields that carry bulk bytes (a coprocessor answer, the rows of a chunk, a value) are
//! [`bytes::Bytes`]: decoded from a `Bytes` buffer they share its memory.

/// Declares one module per protobuf package, named like the package, and exempts generated code
/// from the lints that only make sense for code written by hand.
macro_rules! packages {
    ($($(#[$doc:meta])* $package:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[allow(
            missing_docs,
            unreachable_pub,
            unused_qualifications,
            deprecated,
            rustdoc::all,
            clippy::all,
            clippy::restriction,
            clippy::pedantic
        )]
        pub mod $package {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($package), ".rs"));
        }
    )+};
}

packages! {
    /// Identity of a keyspace.
    apipb,
    /// TiDB's auto id service.
    autoid,
    /// Pushed down requests to a store.
    coprocessor,
    /// Entries of the wait-for graph in a deadlock error.
    deadlock,
    /// Region errors.
    errorpb,
    /// Reading the etcd inside PD.
    etcdserverpb,
    /// Transactional requests to a store, and the errors they meet on keys.
    kvrpcpb,
    /// Stores, regions, peers and buckets.
    metapb,
    /// Keys and values of etcd.
    mvccpb,
    /// Requests to PD and its service.
    pdpb,
    /// Parts of a plan on their way to another process: TiFusion's own.
    planpb,
    /// Replication mode of the cluster.
    replication_modepb,
    /// Consumption of a resource group.
    resource_manager,
    /// The service of a TiKV store.
    tikvpb,
    /// Pushed down plans and their results.
    tipb,
}
