//! Arrow's schemas as bytes, in DataFusion's own messages.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion_proto_common::protobuf_common as proto;
use prost::Message as _;

use super::malformed;
use crate::error::{Error, ErrorKind, Result};

/// The bytes of a schema.
///
/// # Errors
/// When DataFusion has no message for one of its types.
pub(super) fn encode(schema: &Schema) -> Result<Vec<u8>> {
    let message = proto::Schema::try_from(schema).map_err(|error| {
        Error::new(ErrorKind::Unsupported, "a schema that can't be sent").with_source(error)
    })?;
    Ok(message.encode_to_vec())
}

/// The schema of these bytes.
///
/// # Errors
/// When they are none.
pub(super) fn decode(bytes: &[u8]) -> Result<SchemaRef> {
    let message = proto::Schema::decode(bytes).map_err(|error| malformed("schema", error))?;
    let schema = Schema::try_from(&message).map_err(|error| malformed("schema", error))?;
    Ok(Arc::new(schema))
}
