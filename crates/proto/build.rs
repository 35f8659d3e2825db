//! Compiles the .proto files into Rust, without a protoc binary.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Fields that carry result or plan bytes: they become [`bytes::Bytes`], which on decoding from a
/// `Bytes` buffer share its memory instead of copying. Keys stay `Vec<u8>`.
const SHARED_BYTES: [&str; 8] = [
    ".coprocessor.Request.data",
    ".coprocessor.Response.data",
    ".coprocessor.StoreBatchTaskResponse.data",
    ".coprocessor.BatchResponse.data",
    ".kvrpcpb.GetResponse.value",
    ".kvrpcpb.KvPair.value",
    ".tipb.Chunk.rows_data",
    ".tipb.StreamResponse.data",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("proto");
    // Cargo watches a directory with every file in it, so added and removed ones count too.
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=build.rs");
    let files = proto_files(root)?;
    let descriptors = protox::compile(&files, [root])?;
    let builder = tonic_prost_build::configure()
        // Channels and servers are the business of the crates that use them.
        .build_transport(false)
        // A test server implements only the methods it needs; the rest answer "unimplemented".
        .generate_default_stubs(true);
    SHARED_BYTES.iter().fold(builder, |b, field| b.bytes(field)).compile_fds(descriptors)?;
    Ok(())
}

/// Every .proto file below `dir`, sorted, so that the output does not depend on the file system.
fn proto_files(dir: &Path) -> Result<Vec<PathBuf>, std::io::Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(proto_files(&path)?);
        } else if path.extension().is_some_and(|ext| ext == "proto") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
